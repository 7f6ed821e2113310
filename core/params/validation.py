"""What Pydantic says of a value, in our words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def misfit(detail: Mapping[str, Any]) -> str:
    """The value, and what was expected instead: follows the name of its field.

    Args:
        detail: one of a validation error's ``errors()``.
    """
    expected = str(detail["msg"]).removeprefix("Value error, ")
    return f"{detail['input']!r} does not fit: {expected[0].lower()}{expected[1:]}"
