"""Lua scripts: loading them, and converting their arguments and replies."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from core.jobs.schema_version import SCHEMA_VERSION

if TYPE_CHECKING:
    from redis import Redis
    from redis.commands.core import Script


def script(redis: Redis, *names: str) -> Script:
    """A script made of files in ``core/store/lua``, concatenated in this order."""
    return redis.register_script(script_text(*names))


def script_text(*names: str) -> str:
    """The text of such a script."""
    folder = files("core.store").joinpath("lua")
    texts = (folder.joinpath(f"{name}.lua").read_text() for name in names)
    return "\n".join((f"local SCHEMA = {SCHEMA_VERSION}", *texts))


def flatten(fields: Mapping[str, Any]) -> list[Any]:
    """Return keys and values alternating, as scripts take them."""
    return [item for pair in fields.items() for item in pair]


def pairs(reply: Any) -> dict[str, str]:
    """Return the mapping in a reply of alternating keys and values."""
    return dict(zip(reply[::2], reply[1::2], strict=True))
