"""Reading of a request's body, by its content type."""

from __future__ import annotations

from fastapi import HTTPException, Request

from api.intake.form import Form
from api.intake.multipart import read_multipart
from core.errors import FieldError, InvalidRequest
from core.settings.limits import Limits


async def read_form(request: Request, limits: Limits) -> Form:
    """Read the form in the body of a request.

    Raises:
        HTTPException: 400 if the body is malformed, 415 if it is not a form.
        InvalidRequest: the request has query parameters.
    """
    content_type = request.headers.get("content-type", "")
    if not content_type.lower().startswith("multipart/form-data"):
        raise HTTPException(
            415, f"the body is {content_type or 'untyped'!r}; send multipart/form-data"
        )
    if request.query_params:
        message = "is a query parameter, which has no effect; send it as a field of the form"
        raise InvalidRequest([FieldError(name, message) for name in request.query_params])
    return await read_multipart(request, limits)
