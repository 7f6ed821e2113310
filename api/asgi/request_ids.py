"""One id by which a request can be followed, from the client through the api to the worker."""

from __future__ import annotations

import re

from fastapi import Request
from starlette.types import Scope
from uuid_utils import uuid4

HEADER = "X-Request-ID"

#: As it is in an ASGI message.
RAW_HEADER = HEADER.lower().encode()

#: What a caller's id may be. Another one is replaced: it goes into logs and headers.
_GOOD = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")


def give_id(scope: Scope) -> str:
    """Give the request an id: the caller's own, or a new one.

    It is in the answer's ``X-Request-ID``, in every log line written meanwhile, and in
    the record of a job that is posted.
    """
    given = next((value for name, value in scope["headers"] if name == RAW_HEADER), b"")
    text = given.decode("latin-1")
    request_id = text if _GOOD.fullmatch(text) else str(uuid4())
    scope.setdefault("state", {})["request_id"] = request_id
    return request_id


def request_id_of(request: Request) -> str:
    """The request's id."""
    return str(request.state.request_id)
