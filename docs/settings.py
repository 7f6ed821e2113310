"""Write the table of settings into ``docs/operations.md``: ``python -m docs.settings``."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from core.settings.model import Settings

PAGE = Path(__file__).with_name("operations.md")

_BEGIN = (
    "<!-- written by `python -m docs.settings` from core/settings/model.py: change it there -->\n"
)
_END = "<!-- end of what is written -->\n"

_HEAD = "| setting | default | meaning |\n|---|---|---|\n"

#: What depends on the machine, or is worked out when it is not set.
_DEFAULTS = {
    "data_dir": "the platform's folder for data, such as `~/.local/share/easel`",
    "weights_dir": "the platform's cache, such as `~/.cache/easel`",
    "blobs": "the folder `blobs` of `EASEL_DATA_DIR`",
    "s3_endpoint": "Amazon's",
    "webhook_secret": "one is made for each caller",
}

_UNITS = (("h", 3600), ("m", 60), ("s", 1))


def page() -> str:
    """The page as it should be."""
    before, _, rest = PAGE.read_text().partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return before + _BEGIN + table() + _END + after


def table() -> str:
    """A row for every setting, those of a class before those of the class it is based on."""
    own = [name for name in Settings.__annotations__ if name in Settings.model_fields]
    inherited = [name for name in Settings.model_fields if name not in own]
    return _HEAD + "".join(_row(name) for name in [*own, *inherited])


def _row(name: str) -> str:
    field = Settings.model_fields[name]
    default = _DEFAULTS.get(name) or _shown(field.default)
    return f"| `EASEL_{name.upper()}` | {default} | {field.description} |\n"


def _shown(default: Any) -> str:
    """As an operator would write it."""
    if default == ():
        return "none"
    if default is None or isinstance(default, SecretStr):
        raise TypeError(f"a default of {default!r} says nothing to an operator: name it above")
    each = default if isinstance(default, tuple) else (default,)
    return f"`{','.join(_text(value) for value in each)}`"


def _text(value: Any) -> str:
    if isinstance(value, timedelta):
        seconds = round(value.total_seconds())
        return next(f"{seconds // size}{unit}" for unit, size in _UNITS if seconds % size == 0)
    return str(value).lower() if isinstance(value, bool) else str(value)


if __name__ == "__main__":
    PAGE.write_text(page())
