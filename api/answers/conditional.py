"""Conditional requests (``If-None-Match``)."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import Request, Response


def etag_matches(request: Request, etag: str) -> bool:
    """Return whether the request's ``If-None-Match`` lists the tag.

    Args:
        request: the request.
        etag: the tag in quotes. Weak and strong tags compare as equal (RFC 9110, 13.1.2).
    """
    header = ",".join(request.headers.getlist("if-none-match"))
    tags = {tag.strip().removeprefix("W/") for tag in header.split(",")}
    return "*" in tags or etag.removeprefix("W/") in tags


def not_modified(headers: Mapping[str, str]) -> Response:
    """Return a 304 with the headers of the full response."""
    return Response(status_code=304, headers=headers)
