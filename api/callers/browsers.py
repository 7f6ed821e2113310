"""Browsers: without API keys, each browser owns the jobs that its page posts.

The page sets a cookie with a random token. Its SHA-256 names the owner, so nobody who reads the
records or the logs can pass for the browser. ``SameSite=Lax`` keeps the cookie out of the requests
that pages of other sites make; with ``Strict``, a link to the page would lose it.
"""

from __future__ import annotations

import re
import secrets
from hashlib import sha256

from fastapi import Request

from core.jobs.job import BROWSER_PREFIX

COOKIE = "easel-browser"

#: A year. Files of jobs are kept for a day by default.
_MAX_AGE_SECONDS = 365 * 86_400

_TOKEN = re.compile(r"[0-9a-f]{32,64}")


def browser_of(request: Request) -> str | None:
    """Return the owner name of the browser that sent a request; None if it has no cookie."""
    token = request.cookies.get(COOKIE, "")
    if not _TOKEN.fullmatch(token):
        return None
    return BROWSER_PREFIX + sha256(token.encode()).hexdigest()[:32]


def new_cookie(request: Request, *, secure: bool) -> str:
    """Return the ``Set-Cookie`` header for a browser without a token.

    Args:
        request: the request for the page.
        secure: whether the browser reaches the server over HTTPS.
    """
    path = request.scope.get("root_path", "") + "/"
    return (
        f"{COOKIE}={secrets.token_hex(16)}; Max-Age={_MAX_AGE_SECONDS}; Path={path}; "
        f"HttpOnly; SameSite=Lax{'; Secure' if secure else ''}"
    )
