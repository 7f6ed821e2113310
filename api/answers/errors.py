"""The HTTP form of every error: a status, and an RFC 9457 problem document."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from api.answers.schemas import FieldProblem, Problem
from api.asgi.methods import allowed_methods
from core import errors
from core.params.validation import validation_message

_logger = logging.getLogger(__name__)

#: The status of each error class. A class that is not listed has the status of its parent.
STATUS: dict[type[errors.EaselError], HTTPStatus] = {
    errors.InvalidRequest: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.IdempotencyKeyReused: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.JobNotFound: HTTPStatus.NOT_FOUND,
    errors.JobNotFinished: HTTPStatus.CONFLICT,
    errors.NoPreviewYet: HTTPStatus.NOT_FOUND,
    errors.JobFinished: HTTPStatus.CONFLICT,
    errors.JobChanged: HTTPStatus.PRECONDITION_FAILED,
    errors.JobFailed: HTTPStatus.CONFLICT,
    errors.ResultExpired: HTTPStatus.GONE,
    errors.TooManyJobs: HTTPStatus.TOO_MANY_REQUESTS,
    errors.StorageQuotaExceeded: HTTPStatus.INSUFFICIENT_STORAGE,
    errors.LinkInvalid: HTTPStatus.FORBIDDEN,
    errors.SecretConfigured: HTTPStatus.CONFLICT,
    errors.TooManyRequests: HTTPStatus.TOO_MANY_REQUESTS,
    errors.KeyRequired: HTTPStatus.UNAUTHORIZED,
    errors.HostRefused: HTTPStatus.FORBIDDEN,
    errors.OriginRefused: HTTPStatus.FORBIDDEN,
    errors.ServiceUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.EaselError: HTTPStatus.INTERNAL_SERVER_ERROR,
}

#: The codes of the errors that FastAPI and Starlette raise.
_FRAMEWORK_CODES = {
    HTTPStatus.BAD_REQUEST: "malformed_request",
    HTTPStatus.NOT_FOUND: "not_found",
    HTTPStatus.METHOD_NOT_ALLOWED: "method_not_allowed",
    HTTPStatus.REQUEST_TIMEOUT: "upload_too_slow",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "request_too_large",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "unsupported_media_type",
    HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE: "range_not_satisfiable",
}

#: The status in the metrics of a request whose client disconnected, as nginx has it.
CLIENT_DISCONNECTED = 499

#: Errors of a service that is busy, or limits a caller, and works as intended.
_BUSY = (
    errors.QueueFull,
    errors.UploadsFull,
    errors.ConnectionsFull,
    errors.StorageQuotaExceeded,
)

#: The default of ``Retry-After`` for a 503, in seconds.
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
    """Return a problem document, the format of every error.

    Args:
        request: the request that failed.
        status: the HTTP status.
        code: the stable code of the error.
        detail: what went wrong, in a sentence.
        fields: the invalid fields of the request, if any.
        headers: additional headers.
    """
    problem = Problem(
        type=f"urn:easel:problem:{code}",
        title=status.phrase,
        status=status,
        detail=detail,
        instance=request.url.path,
        code=code,
        errors=fields,
    )
    response_headers = dict(headers or {})
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        response_headers.setdefault("Retry-After", _RETRY_AFTER)
    return JSONResponse(
        jsonable_encoder(problem, exclude_none=True),
        status_code=status,
        headers=response_headers,
        media_type="application/problem+json",
    )


def status_of(error: errors.EaselError) -> HTTPStatus:
    """Return the HTTP status of an error."""
    return next(STATUS[cls] for cls in type(error).__mro__ if cls in STATUS)


def easel_problem(request: Request, error: errors.EaselError) -> JSONResponse:
    """Return the response to a request that raised an error."""
    status = status_of(error)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        busy = isinstance(error, _BUSY)
        log, message = (
            (_logger.info, "request refused") if busy else (_logger.error, "request failed")
        )
        log(message, extra={"code": error.code, "reason": str(error)})
    fields = None
    if isinstance(error, errors.InvalidRequest):
        fields = [FieldProblem(field=each.field, message=each.message) for each in error.errors]
    headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    if isinstance(error, errors.ConnectionsFull | errors.TooManyConnections):
        headers["Connection"] = "close"
    if isinstance(error, errors.KeyRequired):
        headers["WWW-Authenticate"] = _challenge(error)
    return problem_response(request, status, error.code, str(error), fields=fields, headers=headers)


def _on_easel_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, errors.EaselError)
    return easel_problem(request, error)


def _challenge(error: errors.KeyRequired) -> str:
    """Return the ``WWW-Authenticate`` challenge, as RFC 6750 (section 3) defines it."""
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
        detail = f"{request.url.path} does not support {request.method}; use {headers['Allow']}"
    return problem_response(request, status, code, detail, headers=headers)


def _on_validation_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    invalid = errors.InvalidRequest([_field_error(detail) for detail in error.errors()])
    return easel_problem(request, invalid)


def _field_error(detail: Mapping[str, Any]) -> errors.FieldError:
    # The location also contains the indexes of list items. They are not part of a field's name.
    name = ".".join(part for part in detail["loc"][1:] if isinstance(part, str))
    missing = detail["type"] == "missing"
    return errors.FieldError(name, str(detail["msg"]) if missing else validation_message(detail))


def _on_disconnect(_: Request, __: Exception) -> Response:
    _logger.info("client disconnected before its request was complete")
    return Response(status_code=CLIENT_DISCONNECTED)  # nobody receives it


def _on_unexpected(request: Request, error: Exception) -> JSONResponse:
    _logger.error("unexpected error", exc_info=error)
    return easel_problem(request, errors.EaselError("an unexpected error occurred and was logged"))


def install_error_handlers(app: FastAPI) -> None:
    """Make the application answer every error with a problem document."""
    app.add_exception_handler(errors.EaselError, _on_easel_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(ClientDisconnect, _on_disconnect)
    app.add_exception_handler(Exception, _on_unexpected)
