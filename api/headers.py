"""What browsers are told to do with answers, and above all not to do."""

from __future__ import annotations

import base64
import re
from hashlib import sha256

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse

#: Of every answer that does not say otherwise. A picture or a problem document that
#: is opened by itself may load nothing, run nothing, and be framed by nobody.
_USUAL = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

_RAW = [(name.lower().encode(), value.encode()) for name, value in _USUAL.items()]

#: Where FastAPI's page of documentation has its program from.
_DOCS_FROM = "https://cdn.jsdelivr.net/npm/swagger-ui-dist@5/"


def add_usual_headers(headers: list[tuple[bytes, bytes]]) -> None:
    """Add to an answer's headers, as ASGI has them, what it does not say otherwise."""
    said = {name.lower() for name, _ in headers}
    headers += (each for each in _RAW if each[0] not in said)


def add_docs(app: FastAPI) -> None:
    """``/docs``: Swagger UI, which may run its own program and what starts it, by its hash."""
    page = get_swagger_ui_html(openapi_url="openapi.json", title=f"{app.title}: the API").body
    inline = re.findall(rb"<script>(.*?)</script>", bytes(page), re.DOTALL)
    hashes = " ".join(
        f"'sha256-{base64.b64encode(sha256(each).digest()).decode()}'" for each in inline
    )
    policy = (
        f"default-src 'none'; script-src {_DOCS_FROM} {hashes}; style-src {_DOCS_FROM}; "
        "img-src 'self' data: https://fastapi.tiangolo.com; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(bytes(page), headers={"Content-Security-Policy": policy})
