"""The API reference at ``/docs``: Swagger UI, served from local files."""

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
    """Return the route of the reference. Its policy allows Swagger UI and the inline script."""
    response = get_swagger_ui_html(
        openapi_url="openapi.json",
        title=f"{title}: the API",
        swagger_js_url=f"{assets.base_url}swagger/swagger-ui-bundle.js",
        swagger_css_url=f"{assets.base_url}swagger/swagger-ui.css",
        swagger_favicon_url=f"{assets.base_url}favicon.svg",
    )
    page = bytes(response.body)
    policy = (
        f"default-src 'none'; script-src 'self' {_hashes(page)}; style-src 'self'; "
        "img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )

    def show(_: Request) -> HTMLResponse:
        return HTMLResponse(page, headers={"Content-Security-Policy": policy})

    return Route("/docs", show, include_in_schema=False)


def _hashes(page: bytes) -> str:
    """Return the hashes of the inline scripts, in the format of a Content-Security-Policy."""
    scripts = re.findall(rb"<script>(.*?)</script>", page, re.DOTALL)
    digests = (base64.b64encode(sha256(script).digest()).decode() for script in scripts)
    return " ".join(f"'sha256-{digest}'" for digest in digests)
