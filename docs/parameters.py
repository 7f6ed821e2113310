"""Write ``docs/parameters.md`` from the model: ``python -m docs.parameters``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Any

from core.params import Preset, StyleParams, parse_params
from core.params.presets import PRESETS

PAGE = Path(__file__).with_suffix(".md")

_HEAD = """# Parameters

The same names, defaults and bounds hold for the form fields of `POST /jobs`, the options of `easel stylize`
(`style_weight` is `--style-weight` there, and `format` is the ending of OUTPUT) and `core.params.StyleParams` in Python. Lists are written with commas.
[The algorithm](algorithm.md) shows what the most important ones do. This page is written by
`python -m docs.parameters`.

| parameter | default | allowed | meaning |
|---|---|---|---|
"""


def page() -> str:
    """The page as it should be."""
    schema = StyleParams.model_json_schema()
    rows = [
        f"| `{name}` | {_default(name)} | {_allowed(name, schema)} | {field.description} |"
        for name, field in StyleParams.model_fields.items()
    ]
    names = sorted({name for preset in PRESETS.values() for name in preset})
    presets = [
        "\n## Presets\n",
        "A parameter that is given explicitly wins over its preset.\n",
        f"| preset | {' | '.join(f'`{name}`' for name in names)} |",
        "|---|" + "---|" * len(names),
        *(f"| `{preset}` | {_values(preset, names)} |" for preset in Preset),
    ]
    return _HEAD + "\n".join([*rows, *presets]) + "\n"


def _default(name: str) -> str:
    default = StyleParams.model_fields[name].default
    if isinstance(default, tuple):
        default = ",".join(str(each) for each in default)
    by = " (by preset)" if any(name in preset for preset in PRESETS.values()) else ""
    by = " (by optimiser)" if name == "learning_rate" else by
    return f"`{default}`{by}" if default != "" else ""


def _allowed(name: str, schema: dict[str, Any]) -> str:
    annotation = StyleParams.model_fields[name].annotation
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return ", ".join(f"`{choice.value}`" for choice in annotation)
    described = schema["properties"][name]
    low = described.get("minimum", described.get("exclusiveMinimum"))
    high = described.get("maximum", described.get("exclusiveMaximum"))
    if low is not None:
        above = "above " if "exclusiveMinimum" in described else ""
        return f"{above}{low:g} to {high:g}"
    return "`off`, or `SMALLEST:RATIO`" if name == "pyramid" else "a list"


def _values(preset: Preset, names: list[str]) -> str:
    params = parse_params({"preset": preset}).model_dump(mode="json")
    return " | ".join(f"`{params[name]}`" for name in names)


if __name__ == "__main__":
    PAGE.write_text(page())
