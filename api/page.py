"""The page at ``/``, and the files that it is made of."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from html import escape
from pathlib import Path

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from core.params import MIN_SIDE, Optimizer, Preset, StyleParams
from core.presets import LEARNING_RATES
from core.settings import Settings

_STATIC = Path(__file__).parent / "static"
_SAMPLES = Path(__file__).parent.parent / "samples"

#: What the page's own addresses begin with in its source; the digest takes the place of the word.
_CURRENT = "static/current/"
_ABOUT = "{{about}}"

_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
}
_COMPRESSED = (".css", ".html", ".js", ".svg")

#: Only what comes from here is run, shown or asked; pictures may also be made in the page.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Vary": "Accept-Encoding",
}


@dataclass(frozen=True)
class Asset:
    """A file of the page, as it is sent."""

    plain: bytes
    #: None where compressing it gains nothing.
    gzipped: bytes | None
    media_type: str
    etag: str

    @classmethod
    def of(cls, suffix: str, data: bytes) -> Asset:
        """Made ready once, not with every request."""
        packed = gzip.compress(data, 9, mtime=0) if suffix in _COMPRESSED else None
        return cls(data, packed, _MEDIA_TYPES[suffix], f'"{sha256(data).hexdigest()[:32]}"')

    def answer(self, headers: Headers, caching: str) -> Response:
        """The file, or that the client has it already."""
        common = {**_HEADERS, "Cache-Control": caching, "ETag": f"W/{self.etag}"}
        known = [tag.strip() for tag in headers.get("if-none-match", "").split(",")]
        if self.etag in [tag.removeprefix("W/") for tag in known]:
            return Response(status_code=304, headers=common)
        if self.gzipped is not None and "gzip" in headers.get("accept-encoding", ""):
            common["Content-Encoding"] = "gzip"
            return Response(self.gzipped, headers=common, media_type=self.media_type)
        return Response(self.plain, headers=common, media_type=self.media_type)


def page_routes(settings: Settings) -> list[BaseRoute]:
    """``/`` and ``/static``.

    The files' addresses have the digest of all of them, so that a browser keeps them
    for good, and a new version has new addresses throughout: a module's own imports
    are relative, and so lead to the version that it belongs to.
    """
    files = dict(_files())
    digest = sha256(b"".join(name.encode() + data for name, data in sorted(files.items())))
    version = digest.hexdigest()[:16]
    assets = {name: Asset.of(Path(name).suffix, data) for name, data in files.items()}
    page = Asset.of(".html", _page(settings, version).encode())

    def show_page(request: Request) -> Response:
        return page.answer(request.headers, "no-cache")

    def show_asset(request: Request) -> Response:
        asset = assets.get(request.path_params["name"])
        if asset is None:
            raise HTTPException(404, f"there is no file {request.path_params['name']!r}")
        # While versions change, an old page may ask a new api.
        kept = request.path_params["version"] == version
        return asset.answer(
            request.headers, "public, max-age=31536000, immutable" if kept else "no-store"
        )

    return [
        Route("/", show_page, include_in_schema=False),
        Route("/static/{version}/{name:path}", show_asset, include_in_schema=False),
    ]


def _files() -> Iterator[tuple[str, bytes]]:
    for folder, within in ((_STATIC, ""), (_SAMPLES, "samples/")):
        for path in sorted(folder.rglob("*")):
            if path.suffix in _MEDIA_TYPES and path != _STATIC / "index.html":
                yield within + path.relative_to(folder).as_posix(), path.read_bytes()


def _page(settings: Settings, version: str) -> str:
    source = (_STATIC / "index.html").read_text(encoding="utf-8")
    about = escape(json.dumps(_about(settings)), quote=True)
    return source.replace(_CURRENT, f"static/{version}/").replace(_ABOUT, about)


def _about(settings: Settings) -> dict[str, object]:
    """What the page says before anything is sent: this server's limits, and the presets."""
    return {
        "max_size": settings.max_size,
        "max_picture_bytes": settings.max_picture_bytes,
        "max_picture_pixels": settings.max_picture_pixels,
        "min_side": MIN_SIDE,
        "presets": {
            preset.value: StyleParams(preset=preset).model_dump(mode="json") for preset in Preset
        },
        "learning_rates": {each.value: LEARNING_RATES[each] for each in Optimizer},
    }
