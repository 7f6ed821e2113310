"""The API's own documentation, at ``/docs``: Swagger UI, from our own files."""

from __future__ import annotations

import base64
import re
from hashlib import sha256

from fastapi.openapi.docs import get_swagger_ui_html
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from api.pages.assets import Assets


def reference_route(assets: Assets, title: str) -> Route:
    """Answers with the documentation, which may run its own program and what starts it."""
    answer = get_swagger_ui_html(
        openapi_url="openapi.json",
        title=f"{title}: the API",
        swagger_js_url=f"{assets.address}swagger/swagger-ui-bundle.js",
        swagger_css_url=f"{assets.address}swagger/swagger-ui.css",
        swagger_favicon_url=f"{assets.address}favicon.svg",
    )
    page = bytes(answer.body)
    policy = (
        f"default-src 'none'; script-src 'self' {_hashes(page)}; style-src 'self'; "
        "img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )

    def show(_: Request) -> HTMLResponse:
        return HTMLResponse(page, headers={"Content-Security-Policy": policy})

    return Route("/docs", show, include_in_schema=False)


def _hashes(page: bytes) -> str:
    """Of the scripts inside a page, which start the program, as a policy has them."""
    scripts = re.findall(rb"<script>(.*?)</script>", page, re.DOTALL)
    digests = (base64.b64encode(sha256(script).digest()).decode() for script in scripts)
    return " ".join(f"'sha256-{digest}'" for digest in digests)
