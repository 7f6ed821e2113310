"""The description of the api that clients are generated from."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.answers.schemas import Problem
from api.asgi.headers import REQUEST_ID
from api.examples import EXAMPLES
from api.routes.webhooks import webhook_operations

_TAGS = [
    {"name": "jobs", "description": "Post a job, follow it, call it off, remove it."},
    {"name": "pictures", "description": "What a job has painted, and links to it."},
    {"name": "webhooks", "description": "What is posted to you, and how to check it."},
    {"name": "about", "description": "What can be asked for, and what answers."},
    {"name": "health", "description": "For whoever runs the service."},
]

_DESCRIPTION = """
Post a photograph and one to five paintings; get a job; follow it; fetch the photograph painted
in the style of the paintings.

Every error is an [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457) problem document with a
stable `code`. Every answer has an `X-Request-ID`: your own, if you send one.
"""


def _header(description: str, kind: str = "string") -> dict[str, Any]:
    return {"description": description, "schema": {"type": kind}}


_REQUEST_ID = _header("The id of the request in the logs: the caller's own, or a new one.")
_TAG = _header("Send it as `If-None-Match` to be answered only with another one.")
_RETRY_AFTER = _header("After how many seconds it is worth asking; while unfinished.", "integer")

_CACHE = _header("For how long the answer may be kept, and by whom.")
_JOB = {"ETag": _TAG, "Retry-After": _RETRY_AFTER, "Cache-Control": _CACHE}
_POSTED = {
    **_JOB,
    "Location": _header("Where the job is."),
    "Idempotent-Replayed": _header("`true`: the job was there already."),
    "Preference-Applied": _header("For how long `Prefer: wait` would have waited."),
}
_PICTURE = {"ETag": _TAG, "Cache-Control": _CACHE}

#: The headers of an answer, by operation and status.
_HEADERS = {
    ("create_job", "200"): _POSTED,
    ("create_job", "202"): _POSTED,
    ("get_job", "200"): _JOB,
    ("get_job", "304"): _JOB,
    ("cancel_job", "200"): _JOB,
    ("get_preview", "200"): _PICTURE,
    ("get_preview", "304"): _PICTURE,
    ("get_result", "200"): {
        **_PICTURE,
        "Content-Disposition": _header("What to call the file."),
        "Accept-Ranges": _header("`none`: the file comes as a whole."),
    },
    ("get_result", "304"): _PICTURE,
    ("sign_links", "200"): {"Cache-Control": _CACHE},
    ("get_webhook_secret", "200"): {"Cache-Control": _CACHE},
    ("follow_job", "200"): {"Cache-Control": _CACHE},
    ("get_readiness", "503"): {"Retry-After": _RETRY_AFTER},
}

#: What can be asked of every answer that has a tag.
_IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "description": "The `ETag` of an answer that you have: 304 if it is still the same.",
    "schema": {"type": "string"},
}
_TAGGED = frozenset({"get_job", "get_preview", "get_result"})

#: How to say who asks; what has the tag ``health`` does not ask that.
_SECURITY = {
    "HTTPBearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key: `easel keys create NAME`.",
    },
    "APIKeyHeader": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "The same key, where a bearer token is awkward.",
    },
}

#: What an answer is that went well, where the call itself does not say it.
_ANSWERS = {
    "create_job": "The job was accepted.",
    "get_job": "The job.",
    "cancel_job": "The job: canceled, about to be, or ended before.",
    "delete_job": "The job is gone.",
    "list_jobs": "A page of the list.",
    "sign_links": "The links.",
    "list_presets": "What can be asked for.",
    "get_version": "What answers.",
    "get_webhook_secret": "The secret.",
    "get_health": "It is alive.",
    "get_readiness": "Everything is there.",
}

_DESCRIPTIONS = {"job_id": "The job's `id`."}


def describe(app: FastAPI) -> None:
    """Give the app a description that says all that it does."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _described(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _described(app: FastAPI) -> dict[str, Any]:
    schema = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description=_DESCRIPTION,
        routes=app.routes,
        tags=_TAGS,
        servers=[{"url": "/", "description": "This server."}],
    )
    components = schema["components"]["schemas"]
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    components.update(problem.pop("$defs"))
    components["Problem"] = problem
    for unused in ("HTTPValidationError", "ValidationError"):
        components.pop(unused, None)
    schema["components"]["securitySchemes"] = _SECURITY
    components["JobRequest"] = _named(schema, "JobRequest")
    for operations in schema["paths"].values():
        for operation in operations.values():
            _complete(operation)
    schema["webhooks"] = webhook_operations()
    for name, example in EXAMPLES.items():
        components[name]["example"] = example
    return schema


def _named(schema: dict[str, Any], name: str) -> dict[str, Any]:
    """The form of a posted job, which clients should have under a name of its own."""
    form = schema["paths"]["/jobs"]["post"]["requestBody"]["content"]["multipart/form-data"]
    written: dict[str, Any] = form["schema"]
    form["schema"] = {"$ref": f"#/components/schemas/{name}"}
    return written


def _complete(operation: dict[str, Any]) -> None:
    """What every call has, and what the framework says of it that is not so."""
    answers = operation["responses"]
    if "health" not in operation["tags"]:
        operation["security"] = [{name: []} for name in _SECURITY]
    if "HTTPValidationError" in str(answers.get("422")):
        del answers["422"]  # of an id, which may be any text: one that is none is not found
    if operation["operationId"] in _TAGGED:
        operation.setdefault("parameters", []).append(_IF_NONE_MATCH)
    for parameter in operation.get("parameters", ()):
        if parameter["name"] in _DESCRIPTIONS:
            parameter.setdefault("description", _DESCRIPTIONS[parameter["name"]])
    for status, answer in answers.items():
        if answer["description"] == "Successful Response":
            answer["description"] = _ANSWERS.get(operation["operationId"], answer["description"])
        named = _HEADERS.get((operation.get("operationId", ""), status), {})
        answer["headers"] = {**answer.get("headers", {}), **named, REQUEST_ID: _REQUEST_ID}
