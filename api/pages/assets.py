"""The static files of the pages, their URLs, and their caching and security headers."""

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
#: The suffix of a library's file that is stored compressed.
PACKED = ".gz"
_COMPRESSED = (".css", ".html", ".js", ".svg")

#: The page may load everything from this server only. Pictures may also come from blobs.
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
    """A static file, ready to be sent."""

    plain: bytes
    #: None for formats that are compressed already.
    gzipped: bytes | None
    media_type: str
    etag: str

    @classmethod
    def of(cls, suffix: str, plain: bytes, gzipped: bytes | None = None) -> Asset:
        """Create an asset, and compress and hash it once."""
        if gzipped is None and suffix in _COMPRESSED:
            gzipped = gzip.compress(plain, 9, mtime=0)
        return cls(plain, gzipped, MEDIA_TYPES[suffix], f'"{sha256(plain).hexdigest()[:32]}"')

    @classmethod
    def read(cls, path: Path) -> Asset:
        """Read a file, which may be stored compressed."""
        data = path.read_bytes()
        if path.suffix != PACKED:
            return cls.of(path.suffix, data)
        return cls.of(Path(path.stem).suffix, gzip.decompress(data), data)

    def response(self, headers: Headers, caching: str) -> Response:
        """Return the file, or a 304 if the client has it."""
        common = {**_HEADERS, "Cache-Control": caching, "ETag": f"W/{self.etag}"}
        etags = [etag.strip() for etag in headers.get("if-none-match", "").split(",")]
        if self.etag in [etag.removeprefix("W/") for etag in etags]:
            return Response(status_code=304, headers=common)
        if self.gzipped is not None and "gzip" in headers.get("accept-encoding", ""):
            common["Content-Encoding"] = "gzip"
            return Response(self.gzipped, headers=common, media_type=self.media_type)
        return Response(self.plain, headers=common, media_type=self.media_type)


class Assets:
    """All static files, served under ``/static``.

    Their URLs contain a digest of all files, so that browsers can cache them indefinitely.
    JavaScript modules import each other by relative URLs, so a browser never mixes two versions.
    """

    def __init__(self) -> None:
        self._assets = dict(_files())
        digests = "".join(name + asset.etag for name, asset in sorted(self._assets.items()))
        self._version = sha256(digests.encode()).hexdigest()[:16]

    @property
    def base_url(self) -> str:
        """The prefix of the URLs, relative to the root."""
        return f"static/{self._version}/"

    def route(self) -> Route:
        """Return the route that serves the files."""
        return Route("/static/{version}/{name:path}", self._serve, include_in_schema=False)

    def _serve(self, request: Request) -> Response:
        asset = self._assets.get(request.path_params["name"])
        if asset is None:
            raise HTTPException(404, f"file {request.path_params['name']!r} does not exist")
        # During an upgrade, a page of another version may request files here.
        current = request.path_params["version"] == self._version
        return asset.response(
            request.headers, "public, max-age=31536000, immutable" if current else "no-store"
        )


def _files() -> Iterator[tuple[str, Asset]]:
    """Yield every file with the name under which it is served."""
    for folder, prefix in ((STATIC, ""), (_SAMPLES, "samples/")):
        for path in sorted(folder.rglob("*")):
            if path.suffix in (*MEDIA_TYPES, PACKED) and path != STATIC / "index.html":
                name = path.relative_to(folder).as_posix().removesuffix(PACKED)
                yield prefix + name, Asset.read(path)
