"""What can go wrong with a call, as its documentation says it."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from api.answers.schemas import Problem

_JOB_ID = "01a2034d-a0dd-75cf-ba55-f08cc12def8b"


@dataclass(frozen=True)
class _Meaning:
    """Of a status: what it says, and an example of a problem document."""

    description: str
    code: str
    detail: str
    bad_field: str | None = None


_MEANINGS = {
    400: _Meaning(
        "`malformed_request`: the body cannot be read.",
        "malformed_request",
        "Missing boundary in multipart.",
    ),
    401: _Meaning(
        "`key_required`: send an API key. `invalid_key`: it is not one of this server's.",
        "key_required",
        "The request has no API key. Send `Authorization: Bearer KEY`, or `X-API-Key: KEY`.",
    ),
    403: _Meaning(
        "`link_invalid` or `link_expired`: the signed link does not hold. Ask for a new one.",
        "link_expired",
        "the link held until 2026-11-22 12:49:08Z; ask for a new one",
    ),
    404: _Meaning(
        "`job_not_found`: there is no such job, or it is not yours.",
        "job_not_found",
        f"there is no job '{_JOB_ID}'; it may have expired",
    ),
    408: _Meaning(
        "`upload_too_slow`: the body comes too slowly.",
        "upload_too_slow",
        "0 bytes of the body arrived in 30 seconds; expected at least 10000 bytes a second after "
        "the first 30 seconds",
    ),
    409: _Meaning(
        "`job_not_finished`: poll until `done` is true. `job_failed` or `job_canceled`: there "
        "will be no result.",
        "job_not_finished",
        f"job {_JOB_ID} is running; poll /jobs/{_JOB_ID} until `done` is true",
    ),
    410: _Meaning(
        "`result_expired`: the files were removed after their time. `result_damaged`: the stored "
        "file is broken. Submit the job again.",
        "result_expired",
        f"the result of job {_JOB_ID} was removed; submit it again",
    ),
    413: _Meaning(
        "`request_too_large`: the body is larger than this server takes.",
        "request_too_large",
        "the body is too large; at most 272695296 bytes are allowed",
    ),
    415: _Meaning(
        "`unsupported_media_type`: the body is no form.",
        "unsupported_media_type",
        "the body is 'application/json'; send multipart/form-data",
    ),
    422: _Meaning(
        "`invalid_request` or `invalid_picture`: `errors` names every bad field, and what was "
        "expected. `idempotency_key_reused`: the key stands for another request. Nothing was "
        "stored.",
        "invalid_request",
        "size: '9' is invalid: input should be greater than or equal to 64",
        bad_field="size",
    ),
    429: _Meaning(
        "`too_many_requests`: more than you are allowed in a minute. `too_many_jobs`: too many of "
        "your jobs are unfinished.",
        "too_many_requests",
        "too many requests; the limit is 6000 requests a minute",
    ),
    500: _Meaning(
        "`internal_error`: something unexpected, which was logged.",
        "internal_error",
        "an unexpected error; it was logged",
    ),
    503: _Meaning(
        "`service_unavailable`: a part that is needed is away. `queue_full`: too many jobs wait. "
        "`uploads_full`: too much is being uploaded. "
        "`newer_record`: a newer version is being rolled out, and only that can do it. "
        "Try again after `Retry-After`.",
        "service_unavailable",
        "Redis cannot do it: Error 111 connecting to 127.0.0.1:6379. Connection refused.",
    ),
}

_RETRY_AFTER = {
    "description": "After how many seconds it is worth trying again.",
    "schema": {"type": "integer", "minimum": 1},
}


_CHALLENGE = {"description": "How to say who asks.", "schema": {"type": "string"}}


def error_responses(*statuses: int, **descriptions: str) -> dict[int | str, dict[str, Any]]:
    """The documentation of a call's errors.

    Args:
        statuses: those that it can answer with.
        descriptions: other words for some of them: ``_422="..."``.
    """
    # Every call needs its caller, and can go wrong.
    everything = sorted({401, 429, 500, *statuses})
    return {status: _documented(status, descriptions.get(f"_{status}")) for status in everything}


def _documented(status: int, description: str | None) -> dict[str, Any]:
    meaning = _MEANINGS[status]
    example = {
        "type": f"urn:easel:problem:{meaning.code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": meaning.detail,
        "instance": "/jobs",
        "code": meaning.code,
    }
    if meaning.bad_field:
        message = meaning.detail.partition(": ")[2]
        example["errors"] = [{"field": meaning.bad_field, "message": message}]
    schema = {"$ref": f"#/components/schemas/{Problem.__name__}"}
    answer: dict[str, Any] = {
        "description": description or meaning.description,
        "content": {"application/problem+json": {"schema": schema, "example": example}},
    }
    if status in (429, 503):
        answer["headers"] = {"Retry-After": _RETRY_AFTER}
    if status == 401:
        answer["headers"] = {"WWW-Authenticate": _CHALLENGE}
    return answer
