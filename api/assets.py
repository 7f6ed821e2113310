"""The files that pages are made of, and the addresses that they have."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

STATIC = Path(__file__).parent / "static"
_SAMPLES = Path(__file__).parent.parent / "samples"

MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
}
_COMPRESSED = (".css", ".html", ".js", ".svg")

#: Only what comes from here is run, shown or asked; pictures may also be made in the page.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
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
        return cls(data, packed, MEDIA_TYPES[suffix], f'"{sha256(data).hexdigest()[:32]}"')

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


class Assets:
    """Every file of the pages, at ``/static``.

    Their addresses have the digest of all of them, so that a browser keeps them
    for good, and a new version has new addresses throughout: a module's own imports
    are relative, and so lead to the version that it belongs to.
    """

    def __init__(self) -> None:
        files = dict(_files())
        digest = sha256(b"".join(name.encode() + data for name, data in sorted(files.items())))
        self._version = digest.hexdigest()[:16]
        self._assets = {name: Asset.of(Path(name).suffix, data) for name, data in files.items()}

    @property
    def address(self) -> str:
        """What the files' addresses begin with, seen from a page at the top."""
        return f"static/{self._version}/"

    def route(self) -> Route:
        """Answers with the files."""
        return Route("/static/{version}/{name:path}", self._show, include_in_schema=False)

    def _show(self, request: Request) -> Response:
        asset = self._assets.get(request.path_params["name"])
        if asset is None:
            raise HTTPException(404, f"there is no file {request.path_params['name']!r}")
        # While versions change, an old page may ask a new api.
        kept = request.path_params["version"] == self._version
        return asset.answer(
            request.headers, "public, max-age=31536000, immutable" if kept else "no-store"
        )


def _files() -> Iterator[tuple[str, bytes]]:
    for folder, within in ((STATIC, ""), (_SAMPLES, "samples/")):
        for path in sorted(folder.rglob("*")):
            if path.suffix in MEDIA_TYPES and path != STATIC / "index.html":
                yield within + path.relative_to(folder).as_posix(), path.read_bytes()
