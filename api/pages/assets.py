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
_SAMPLES = Path(__file__).parent.parent.parent / "samples"

MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
}
#: What ends the name of a library's file that is kept compressed.
PACKED = ".gz"
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
    def of(cls, suffix: str, plain: bytes, gzipped: bytes | None = None) -> Asset:
        """Made ready once, not with every request."""
        if gzipped is None and suffix in _COMPRESSED:
            gzipped = gzip.compress(plain, 9, mtime=0)
        return cls(plain, gzipped, MEDIA_TYPES[suffix], f'"{sha256(plain).hexdigest()[:32]}"')

    @classmethod
    def read(cls, path: Path) -> Asset:
        """A file, which may have been compressed before."""
        data = path.read_bytes()
        if path.suffix != PACKED:
            return cls.of(path.suffix, data)
        return cls.of(Path(path.stem).suffix, gzip.decompress(data), data)

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
        self._assets = dict(_files())
        told = "".join(name + asset.etag for name, asset in sorted(self._assets.items()))
        self._version = sha256(told.encode()).hexdigest()[:16]

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


def _files() -> Iterator[tuple[str, Asset]]:
    """Every file by the name that it is asked for."""
    for folder, within in ((STATIC, ""), (_SAMPLES, "samples/")):
        for path in sorted(folder.rglob("*")):
            if path.suffix in (*MEDIA_TYPES, PACKED) and path != STATIC / "index.html":
                name = path.relative_to(folder).as_posix().removesuffix(PACKED)
                yield within + name, Asset.read(path)
