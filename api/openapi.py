"""The OpenAPI document: what FastAPI generates, completed by hand."""

from __future__ import annotations

from functools import cache
from itertools import chain
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from api.answers.schemas import Problem
from api.asgi.headers import REQUEST_ID
from api.callers.authentication import needs_key
from api.examples import EXAMPLES, REQUESTS
from api.routes.webhooks import webhook_operations

_TAGS = [
    {"name": "jobs", "description": "Create, follow, cancel and delete jobs."},
    {"name": "batches", "description": "Many pictures in one request, followed as one."},
    {
        "name": "pictures",
        "description": "The preview and the result of a job, and signed links to them.",
    },
    {
        "name": "webhooks",
        "description": "The requests that Easel sends to your server, and their signature.",
    },
    {"name": "about", "description": "The presets, limits and version of this server."},
    {"name": "health", "description": "Health checks and metrics for operators."},
]

_DESCRIPTION = """
Post a photograph and one to five paintings to create a job. Follow the job, and download the
photograph rendered in the style of the paintings.

Every error is an [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457) problem document with a
stable `code`. Every response has an `X-Request-ID`: the one of the request, or a new one.
"""


def _header(description: str, kind: str = "string") -> dict[str, Any]:
    return {"description": description, "schema": {"type": kind}}


_REQUEST_ID = _header(
    "The id of the request in the logs: the one that the client sent, or a new one."
)
_ETAG = _header("Send it as `If-None-Match` to make a conditional request.")
_RETRY_AFTER = _header(
    "Seconds until the next request is worthwhile. Absent once the job has ended.", "integer"
)

_CACHE = _header("How the response may be cached.")
_JOB = {"ETag": _ETAG, "Retry-After": _RETRY_AFTER, "Cache-Control": _CACHE}
_CREATED = {
    **_JOB,
    "Location": _header("The path of the job."),
    "Idempotent-Replayed": _header("`true` if the job had been created by an earlier request."),
    "Preference-Applied": _header("The maximum time that `Prefer: wait` waits."),
}
_PICTURE = {"ETag": _ETAG, "Cache-Control": _CACHE}
_RESULT = {
    **_PICTURE,
    "Content-Disposition": _header("The suggested file name."),
    "Accept-Ranges": _header("`bytes`: a part can be requested with `Range`."),
}

#: The response headers, by operation and status.
_HEADERS = {
    ("create_job", "200"): _CREATED,
    ("create_job", "202"): _CREATED,
    ("get_job", "200"): _JOB,
    ("get_job", "304"): _JOB,
    ("cancel_job", "200"): _JOB,
    ("get_preview", "200"): _PICTURE,
    ("get_preview", "304"): _PICTURE,
    ("get_result", "200"): _RESULT,
    ("get_result", "206"): {
        **_RESULT,
        "Content-Range": _header("The first and the last byte of the part, and the size of all."),
    },
    ("get_result", "416"): {"Content-Range": _header("The bytes of the picture.")},
    ("get_result", "304"): _PICTURE,
    ("sign_links", "200"): {"Cache-Control": _CACHE},
    ("get_webhook_secret", "200"): {"Cache-Control": _CACHE},
    ("rotate_webhook_secret", "200"): {"Cache-Control": _CACHE},
    ("follow_job", "200"): {"Cache-Control": _CACHE},
    ("get_readiness", "503"): {"Retry-After": _RETRY_AFTER},
}


def _header_parameter(name: str, description: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": description, "schema": {"type": "string"}}


_IF_NONE_MATCH = _header_parameter(
    "If-None-Match",
    "The `ETag` of an earlier response. The response is a 304 if it still matches.",
)
_RANGE = _header_parameter(
    "Range", "The bytes to send, such as `bytes=0-999`. Several ranges are answered with all bytes."
)
_IF_RANGE = _header_parameter(
    "If-Range", "The `ETag` that the range belongs to. With another one, all bytes are sent."
)

#: The header parameters that the routes read themselves.
_PARAMETERS = {
    "get_job": [_IF_NONE_MATCH],
    "get_preview": [_IF_NONE_MATCH],
    "get_result": [_IF_NONE_MATCH, _RANGE, _IF_RANGE],
}

#: The tags of operations that need no authentication.
_PUBLIC = {"health", "about"}

#: The ways to authenticate.
_SECURITY = {
    "HTTPBearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key, created with `easel keys create NAME`.",
    },
    "APIKeyHeader": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "The same key, for clients that cannot send a bearer token.",
    },
}

#: The descriptions of successful responses that the routes do not describe.
_RESPONSES = {
    "create_job": "The job was accepted.",
    "get_job": "The job.",
    "cancel_job": "The job, which is canceled, about to be canceled, or had ended before.",
    "delete_job": "The job was deleted.",
    "list_jobs": "A page of the list of jobs.",
    "sign_links": "The links.",
    "list_presets": "The presets, limits and parameters.",
    "get_version": "The version, networks and devices.",
    "list_deliveries": "A page of the deliveries.",
    "redeliver_webhook": "The delivery, which is pending again.",
    "rotate_webhook_secret": "The new secret.",
    "get_webhook_secret": "The secret.",
    "get_health": "The API process is alive.",
    "get_readiness": "Every part is available.",
}

_DESCRIPTIONS = {
    "job_id": "The job's `id`.",
    "batch_id": "The batch's `id`.",
    "delivery_id": "The `id` of the delivery.",
}


def openapi_route(app: FastAPI) -> Route:
    """Return the route of the completed OpenAPI document of the application.

    The operations require an API key in the document if they do for the client that reads it.
    """

    @cache
    def document(*, needs_key: bool) -> dict[str, Any]:
        return _document(app, needs_key=needs_key)

    async def show(request: Request) -> JSONResponse:
        schema = document(needs_key=await needs_key(request))
        prefix = request.scope.get("root_path", "")
        return JSONResponse({**schema, "servers": [{"url": prefix}]} if prefix else schema)

    return Route("/openapi.json", show, include_in_schema=False)


def _document(app: FastAPI, *, needs_key: bool) -> dict[str, Any]:
    schema = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description=_DESCRIPTION,
        routes=app.routes,
        tags=_TAGS,
    )
    components = schema["components"]["schemas"]
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    components.update(problem.pop("$defs"))
    components["Problem"] = problem
    for unused in ("HTTPValidationError", "ValidationError"):
        components.pop(unused, None)
    schema["components"]["securitySchemes"] = _SECURITY
    _name_bodies(schema)
    for operations in schema["paths"].values():
        for operation in operations.values():
            _complete(operation)
            if not _PUBLIC & set(operation["tags"]):
                without_key: list[dict[str, Any]] = [] if needs_key else [{}]
                operation["security"] = [*without_key, *({name: []} for name in _SECURITY)]
    schema["webhooks"] = webhook_operations()
    for name, example in EXAMPLES.items():
        components[name]["example"] = example
    return schema


def _name_bodies(schema: dict[str, Any]) -> None:
    """Move the schemas of the bodies of jobs and edits to components, named by their titles."""
    paths = schema["paths"]
    operations = (paths["/jobs"]["post"], paths["/jobs/{job_id}"]["patch"])
    contents = (operation["requestBody"]["content"].values() for operation in operations)
    for body in chain.from_iterable(contents):
        title = body["schema"]["title"]
        schema["components"]["schemas"][title] = body["schema"]
        body["schema"] = {"$ref": f"#/components/schemas/{title}"}


def _complete(operation: dict[str, Any]) -> None:
    """Add what all operations have in common, and remove what FastAPI describes wrongly."""
    for media_type, example in REQUESTS.get(operation["operationId"], {}).items():
        operation["requestBody"]["content"][media_type]["example"] = example
    responses = operation["responses"]
    if "HTTPValidationError" in str(responses.get("422")):
        del responses["422"]  # a job id may be any text: an invalid one responds with 404
    if own := _PARAMETERS.get(operation["operationId"]):
        operation.setdefault("parameters", []).extend(own)
    for parameter in operation.get("parameters", ()):
        if parameter["name"] in _DESCRIPTIONS:
            parameter.setdefault("description", _DESCRIPTIONS[parameter["name"]])
    for status, response in responses.items():
        if response["description"] == "Successful Response":
            response["description"] = _RESPONSES.get(
                operation["operationId"], response["description"]
            )
        headers = _HEADERS.get((operation.get("operationId", ""), status), {})
        response["headers"] = {**response.get("headers", {}), **headers, REQUEST_ID: _REQUEST_ID}
