"""Range requests: a part of a representation (RFC 9110, section 14)."""

from __future__ import annotations

import re
from http import HTTPStatus

from fastapi import HTTPException, Request

_ONE_RANGE = re.compile(r"bytes\s*=\s*(?:(\d{1,19})-(\d{1,19})?|-(\d{1,19}))\s*", re.IGNORECASE)


def requested_range(request: Request, etag: str, size: int) -> slice | None:
    """Return the bytes that a request asks for; None for all of them.

    A header that asks for several ranges, or that is not well formed, is ignored, as section 14.2
    permits. So is one whose ``If-Range`` names another representation.

    Args:
        request: the request.
        etag: the strong tag of the representation, in quotes.
        size: its bytes.

    Raises:
        HTTPException: the range begins beyond the end (416).
    """
    found = _ONE_RANGE.fullmatch(request.headers.get("range", ""))
    if found is None or request.headers.get("if-range", etag) != etag:
        return None
    first, last, suffix = (None if each is None else int(each) for each in found.groups())
    if first is None:
        first, last = max(0, size - (suffix or 0)), None
    elif last is not None and last < first:
        return None
    if first >= size:
        raise HTTPException(
            HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
            f"the range {found[0]!r} has none of the {size} bytes; ask for bytes 0 to {size - 1}",
            {"Content-Range": f"bytes */{size}"},
        )
    return slice(first, size if last is None else min(size, last + 1))
