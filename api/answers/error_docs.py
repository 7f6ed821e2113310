"""The OpenAPI documentation of error responses."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from api.answers.schemas import Problem

_JOB_ID = "01a2034d-a0dd-75cf-ba55-f08cc12def8b"


@dataclass(frozen=True)
class _ErrorDoc:
    """The description of a status, and an example of its problem document."""

    description: str
    code: str
    detail: str
    invalid_field: str | None = None


_ERROR_DOCS = {
    400: _ErrorDoc(
        "`malformed_request`: the body cannot be read.",
        "malformed_request",
        "Missing boundary in multipart.",
    ),
    401: _ErrorDoc(
        "`key_required`: the request has no API key. `invalid_key`: the API key is unknown or "
        "revoked.",
        "key_required",
        "The request has no API key. Send `Authorization: Bearer KEY`, or `X-API-Key: KEY`.",
    ),
    403: _ErrorDoc(
        "`host_refused` or `origin_refused`: the request has no API key, and calls this server by "
        "an unknown name, or a web page of another site made it. `link_invalid`: the signature of "
        "the link is wrong. `link_expired`: the link has expired. Request a new one.",
        "link_expired",
        "the link expired at 2026-11-22 12:49:08Z; ask for a new one",
    ),
    404: _ErrorDoc(
        "`job_not_found`: there is no such job, or it belongs to someone else. "
        "`batch_not_found`: likewise for a batch. `delivery_not_found`: there is no such delivery.",
        "job_not_found",
        f"there is no job '{_JOB_ID}'; it may have expired",
    ),
    408: _ErrorDoc(
        "`upload_too_slow`: the body arrives too slowly.",
        "upload_too_slow",
        "0 bytes of the body arrived in 30 seconds; expected at least 10000 bytes a second after "
        "the first 30 seconds",
    ),
    409: _ErrorDoc(
        "`job_not_finished` or `batch_not_finished`: poll until `done` is true. `job_failed` or "
        "`job_canceled`: there is no result. `job_finished`: the job takes no more changes, or "
        "cannot be retried: it has succeeded, or its pictures were removed. "
        "`secret_configured`: the operator has set the webhook secret.",
        "job_not_finished",
        f"job {_JOB_ID} is running; poll /jobs/{_JOB_ID} until `done` is true",
    ),
    410: _ErrorDoc(
        "`result_expired`: the files were removed at the end of their retention. "
        "`result_damaged`: the stored file is damaged. Submit the job again.",
        "result_expired",
        f"the result of job {_JOB_ID} was removed; submit the job again",
    ),
    412: _ErrorDoc(
        "`job_changed`: the parameters were changed since you read the job. Read it again.",
        "job_changed",
        "the job has revision 3 and If-Match names revision 2; read the job again, then send your "
        "change again",
    ),
    413: _ErrorDoc(
        "`request_too_large`: the body exceeds the limit of this server.",
        "request_too_large",
        "the body is too large; at most 272695296 bytes are allowed",
    ),
    415: _ErrorDoc(
        "`unsupported_media_type`: the body is neither a multipart form nor JSON.",
        "unsupported_media_type",
        "the body is 'text/plain'; send multipart/form-data or application/json",
    ),
    416: _ErrorDoc(
        "`range_not_satisfiable`: the range begins beyond the end of the picture.",
        "range_not_satisfiable",
        "the range 'bytes=9000000-' has none of the 8123456 bytes; ask for bytes 0 to 8123455",
    ),
    422: _ErrorDoc(
        "`invalid_request` or `invalid_picture`: `errors` names every invalid field and what was "
        "expected. `idempotency_key_reused`: the key was used for a different request. Nothing "
        "was stored.",
        "invalid_request",
        "size: '9' is invalid: input should be greater than or equal to 64",
        invalid_field="size",
    ),
    429: _ErrorDoc(
        "`too_many_requests`: you exceeded your requests per minute. `too_many_jobs`: too many of "
        "your jobs are unfinished. `too_many_connections`: too many of your requests are open.",
        "too_many_requests",
        "too many requests; the limit is 6000 requests a minute",
    ),
    500: _ErrorDoc(
        "`internal_error`: an unexpected error, which was logged.",
        "internal_error",
        "an unexpected error occurred and was logged",
    ),
    503: _ErrorDoc(
        "`service_unavailable`: a required component is unavailable. `queue_full`: too many jobs "
        "are queued. `uploads_full`: too many uploads are in progress. `connections_full`: too "
        "many requests are open. `newer_record`: the job needs a newer version, which is being "
        "rolled out. Retry after `Retry-After`.",
        "service_unavailable",
        "Redis is unavailable: Error 111 connecting to 127.0.0.1:6379. Connection refused.",
    ),
    507: _ErrorDoc(
        "`storage_quota_exceeded`: the files of your jobs take too much storage. Delete jobs that "
        "you do not need.",
        "storage_quota_exceeded",
        "your jobs hold 21474836480 bytes of files, and at most 21474836480 bytes are allowed, "
        "with the pictures of a new job; delete jobs that you do not need, or wait until their "
        "files expire",
    ),
}

_RETRY_AFTER = {
    "description": "The seconds to wait before a retry.",
    "schema": {"type": "integer", "minimum": 1},
}


_CHALLENGE = {"description": "How to authenticate.", "schema": {"type": "string"}}


def error_responses(
    *statuses: int, public: bool = False, **descriptions: str
) -> dict[int | str, dict[str, Any]]:
    """Return the documentation of a route's error responses.

    429 and 500 are included, and 401 and 403 for routes that authenticate their callers.

    Args:
        statuses: the statuses of the route's other errors.
        public: whether the route needs no API key.
        descriptions: descriptions that replace the usual ones: ``_422="..."``.
    """
    return {
        status: _documented(status, descriptions.get(f"_{status}"))
        for status in sorted({429, 500, *statuses} | (set() if public else {401, 403}))
    }


def _documented(status: int, description: str | None) -> dict[str, Any]:
    doc = _ERROR_DOCS[status]
    example = {
        "type": f"urn:easel:problem:{doc.code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": doc.detail,
        "instance": "/jobs",
        "code": doc.code,
    }
    if doc.invalid_field:
        message = doc.detail.partition(": ")[2]
        example["errors"] = [{"field": doc.invalid_field, "message": message}]
    schema = {"$ref": f"#/components/schemas/{Problem.__name__}"}
    answer: dict[str, Any] = {
        "description": description or doc.description,
        "content": {"application/problem+json": {"schema": schema, "example": example}},
    }
    if status in (429, 503):
        answer["headers"] = {"Retry-After": _RETRY_AFTER}
    if status == 401:
        answer["headers"] = {"WWW-Authenticate": _CHALLENGE}
    return answer
