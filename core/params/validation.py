"""Parsing of parameters, and the wording of validation errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from core.errors import FieldError, InvalidRequest
from core.params.model import StyleParams


def parse_params(fields: Mapping[str, object]) -> StyleParams:
    """Parse parameters from the text fields of a form or a command line.

    Raises:
        InvalidRequest: fields are unknown or have invalid values. It has one error for each
            of them, with the value and what was expected.
    """
    try:
        return StyleParams.model_validate(dict(fields))
    except ValidationError as error:
        raise InvalidRequest([_field_error(detail) for detail in error.errors()]) from None


def validation_message(detail: Mapping[str, Any]) -> str:
    """Return the invalid value and what was expected, to follow the name of the field.

    Args:
        detail: an entry of ``pydantic.ValidationError.errors()``.
    """
    expected = str(detail["msg"]).removeprefix("Value error, ")
    return f"{detail['input']!r} is invalid: {expected[0].lower()}{expected[1:]}"


def _field_error(detail: ErrorDetails) -> FieldError:
    name = str(detail["loc"][0])
    if detail["type"] == "extra_forbidden":
        known = ", ".join(StyleParams.model_fields)
        return FieldError(name, f"is not a parameter; the parameters are {known}")
    return FieldError(name, validation_message(detail))
