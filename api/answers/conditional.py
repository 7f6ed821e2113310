"""Requests that want an answer only if it is another than the one they have."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import Request, Response


def etag_matches(request: Request, etag: str) -> bool:
    """Whether the caller has what the tag stands for, by its ``If-None-Match``.

    Args:
        request: the caller's.
        etag: in quotes; weak or strong, which makes no difference here (RFC 9110, 13.1.2).
    """
    given = ",".join(request.headers.getlist("if-none-match"))
    tags = {tag.strip().removeprefix("W/") for tag in given.split(",")}
    return "*" in tags or etag.removeprefix("W/") in tags


def not_modified(headers: Mapping[str, str]) -> Response:
    """A 304 with the headers that the whole answer would have."""
    return Response(status_code=304, headers=headers)
