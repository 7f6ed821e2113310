"""The page at ``/``."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache
from html import escape

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.callers.browsers import browser_of, new_cookie
from api.pages.assets import STATIC, Asset, Assets
from core.params import MIN_SIDE, Optimizer, PictureFormat, Preset, StyleParams
from core.settings.model import Settings

#: The prefix of URLs in the source of the page. It is replaced by the base URL of the assets.
_CURRENT = "static/current/"
_SERVER = "{{server}}"


def page_route(
    assets: Assets, settings: Settings, max_size: Callable[[], int], films: tuple[str, ...]
) -> Route:
    """Return the route of the page.

    Args:
        assets: the files that the page loads.
        settings: the settings of the deployment.
        max_size: returns the largest size that the page offers. It changes with the workers.
        films: the formats of films that the page offers.
    """

    @lru_cache(maxsize=8)
    def page(size: int) -> Asset:
        server = {**_server(settings, size), "films": films}
        return Asset.of(".html", _page(server, assets.base_url).encode())

    separates = not (settings.require_keys or settings.shared_gallery)
    public_https = settings.public_url.startswith("https://")

    def show(request: Request) -> Response:
        # A shared cache must not give the cookie of one browser to another.
        response = page(max_size()).response(request.headers, "private, no-cache")
        if separates and browser_of(request) is None:
            secure = public_https or request.url.scheme == "https"
            response.headers["Set-Cookie"] = new_cookie(request, secure=secure)
        return response

    return Route("/", show, include_in_schema=False)


def _page(server: dict[str, object], base_url: str) -> str:
    source = (STATIC / "index.html").read_text(encoding="utf-8")
    described = escape(json.dumps(server), quote=True)
    return source.replace(_CURRENT, base_url).replace(_SERVER, described)


def _server(settings: Settings, max_size: int) -> dict[str, object]:
    """Return the limits and presets, which the page needs before its first request."""
    return {
        "max_size": max_size,
        "max_picture_bytes": settings.max_picture_bytes,
        "max_picture_pixels": settings.max_picture_pixels,
        "min_side": MIN_SIDE,
        "presets": {
            preset.value: StyleParams(preset=preset).model_dump(mode="json") for preset in Preset
        },
        # What each preset compares with a strength, and with a style weight.
        "style_statistics": {
            preset.value: {
                name: StyleParams.model_validate({"preset": preset, name: 1}).style_statistics
                for name in ("strength", "style_weight")
            }
            for preset in Preset
        },
        "learning_rates": {each.value: each.learning_rate for each in Optimizer},
        "not_displayable": [each.value for each in PictureFormat if not each.displayable],
    }
