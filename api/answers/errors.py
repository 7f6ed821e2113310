"""Every error becomes HTTP here, and only here: RFC 9457 problem documents."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from api.answers.schemas import FieldProblem, Problem
from api.asgi.methods import allowed_methods
from core import errors
from core.errors import NoPreviewYet
from core.params.validation import validation_message

_logger = logging.getLogger(__name__)

#: What each error means in HTTP; the nearest class in its ancestry counts.
STATUS: dict[type[errors.EaselError], HTTPStatus] = {
    errors.InvalidRequest: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.IdempotencyKeyReused: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.JobNotFound: HTTPStatus.NOT_FOUND,
    errors.JobNotFinished: HTTPStatus.CONFLICT,
    NoPreviewYet: HTTPStatus.NOT_FOUND,
    errors.JobFailed: HTTPStatus.CONFLICT,
    errors.ResultExpired: HTTPStatus.GONE,
    errors.TooManyJobs: HTTPStatus.TOO_MANY_REQUESTS,
    errors.LinkInvalid: HTTPStatus.FORBIDDEN,
    errors.TooManyRequests: HTTPStatus.TOO_MANY_REQUESTS,
    errors.KeyRequired: HTTPStatus.UNAUTHORIZED,
    errors.ServiceUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.EaselError: HTTPStatus.INTERNAL_SERVER_ERROR,
}

#: The codes of what the framework refuses by itself.
_FRAMEWORK_CODES = {
    HTTPStatus.BAD_REQUEST: "malformed_request",
    HTTPStatus.NOT_FOUND: "not_found",
    HTTPStatus.METHOD_NOT_ALLOWED: "method_not_allowed",
    HTTPStatus.REQUEST_TIMEOUT: "upload_too_slow",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "request_too_large",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "unsupported_media_type",
}

#: What a busy service answers, though nothing is wrong with it.
_BUSY = (errors.QueueFull, errors.UploadsFull)

#: How long a client should wait before it tries again, in seconds.
_RETRY_AFTER = "2"


def problem_response(
    request: Request,
    status: HTTPStatus,
    code: str,
    detail: str,
    *,
    fields: list[FieldProblem] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """The one shape that every error has."""
    problem = Problem(
        type=f"urn:easel:problem:{code}",
        title=status.phrase,
        status=status,
        detail=detail,
        instance=request.url.path,
        code=code,
        errors=fields,
    )
    answer_headers = dict(headers or {})
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        answer_headers.setdefault("Retry-After", _RETRY_AFTER)
    return JSONResponse(
        jsonable_encoder(problem, exclude_none=True),
        status_code=status,
        headers=answer_headers,
        media_type="application/problem+json",
    )


def status_of(error: errors.EaselError) -> HTTPStatus:
    """What an error of ours means in HTTP."""
    return next(STATUS[cls] for cls in type(error).__mro__ if cls in STATUS)


def easel_problem(request: Request, error: errors.EaselError) -> JSONResponse:
    """The answer to a request that ended in an error of ours."""
    status = status_of(error)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        # A service that turns requests away because it is busy does what it should.
        busy = isinstance(error, _BUSY)
        log, message = (_logger.info, "refused") if busy else (_logger.error, "request failed")
        log(message, extra={"code": error.code, "reason": str(error)})
    fields = None
    if isinstance(error, errors.InvalidRequest):
        fields = [FieldProblem(field=bad.field, message=bad.message) for bad in error.errors]
    headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    if isinstance(error, errors.KeyRequired):
        headers["WWW-Authenticate"] = _challenge(error)
    return problem_response(request, status, error.code, str(error), fields=fields, headers=headers)


def _on_easel_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, errors.EaselError)
    return easel_problem(request, error)


def _challenge(error: errors.KeyRequired) -> str:
    """How to come in, as RFC 6750 (section 3) says it."""
    reason = ', error="invalid_token"' if isinstance(error, errors.InvalidKey) else ""
    return f'Bearer realm="easel"{reason}'


def _on_http_exception(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    code = _FRAMEWORK_CODES.get(status, status.phrase.lower().replace(" ", "_"))
    headers = dict(error.headers or {})
    detail = str(error.detail)
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(allowed_methods(request.app.router.routes, request.scope))
        detail = f"{request.method} is not for {request.url.path}; allowed are {headers['Allow']}"
    return problem_response(request, status, code, detail, headers=headers)


def _on_validation_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    bad = [_field_error(detail) for detail in error.errors()]
    return easel_problem(request, errors.InvalidRequest(bad))


def _field_error(detail: Mapping[str, Any]) -> errors.FieldError:
    # The place ends with the number of a list's entry, which nobody has asked for by name.
    name = ".".join(part for part in detail["loc"][1:] if isinstance(part, str))
    missing = detail["type"] == "missing"
    return errors.FieldError(name, str(detail["msg"]) if missing else validation_message(detail))


def _on_unexpected(request: Request, error: Exception) -> JSONResponse:
    _logger.error("unexpected error", exc_info=error)
    return easel_problem(request, errors.EaselError("an unexpected error; it was logged"))


def install_error_handlers(app: FastAPI) -> None:
    """Make the app answer every error with a problem document."""
    app.add_exception_handler(errors.EaselError, _on_easel_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(Exception, _on_unexpected)
