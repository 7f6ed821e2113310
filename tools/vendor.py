"""``make vendor``: fetches the page's JavaScript libraries with ``npm pack``.

The versions are set here. npm downloads them from the registry that it is configured for, and
checks their integrity. The files are committed, so that serving the page needs no npm.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).parent.parent

#: Larger files are stored compressed, as they are sent.
_LARGE_BYTES = 2**20


@dataclass(frozen=True)
class Library:
    """A package of the npm registry, and which of its files to keep."""

    name: str
    version: str
    purpose: str
    #: Paths inside the package.
    files: tuple[str, ...]
    folder: Path


LIBRARIES = (
    Library(
        name="uplot",
        version="1.6.32",
        purpose="draws the losses on a logarithmic axis",
        files=("dist/uPlot.esm.js", "dist/uPlot.min.css", "LICENSE"),
        folder=ROOT / "api" / "pages" / "static" / "vendor",
    ),
    Library(
        name="swagger-ui-dist",
        version="5.35.0",
        purpose="shows the API's documentation",
        files=(
            *("swagger-ui-bundle.js", "swagger-ui-bundle.js.LICENSE.txt", "swagger-ui.css"),
            *("LICENSE", "NOTICE"),
        ),
        folder=ROOT / "api" / "pages" / "static" / "swagger",
    ),
    Library(
        name="axe-core",
        version="4.14.1",
        purpose="checks the accessibility of the page, in the tests only",
        files=("axe.min.js", "LICENSE"),
        folder=ROOT / "tests" / "page" / "vendor",
    ),
)


def fetch(library: Library) -> list[str]:
    """Write the library's files into its folder, and return their rows for the README."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["npm", "pack", "--json", f"{library.name}@{library.version}"]
        packed = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
        with tarfile.open(Path(folder) / _filename(packed.stdout)) as archive:
            archive.extractall(folder, filter="data")
        package = Path(folder) / "package"
        licence = json.loads((package / "package.json").read_text())["license"]
        return [_keep(library, package, name, licence) for name in library.files]


def _filename(answer: str) -> str:
    packed = json.loads(answer)
    # npm 11 prints a list, later versions an object with a key for each package.
    first = packed[0] if isinstance(packed, list) else next(iter(packed.values()))
    return str(first["filename"])


def _keep(library: Library, package: Path, name: str, licence: str) -> str:
    data = (package / name).read_bytes()
    kept = Path(name).name if Path(name).suffix else f"{library.name}-{Path(name).name}.txt"
    if len(data) > _LARGE_BYTES:
        data, kept = gzip.compress(data, 9, mtime=0), f"{kept}.gz"
    (library.folder / kept).write_bytes(data)
    digest = sha256(data).hexdigest()
    return f"| `{kept}` | {library.name} {library.version} | {licence} | `{digest}` |"


def main() -> None:
    """Fetch every library, and write a README into each folder."""
    for library in LIBRARIES:
        library.folder.mkdir(parents=True, exist_ok=True)
        rows = fetch(library)
        lines = [
            "# Third-party libraries",
            "",
            f"{library.name} {library.purpose}.",
            "Fetched by `make vendor` (`tools/vendor.py`), unchanged; `.gz` files are compressed.",
            "",
            "| File | Package of the npm registry | Licence | SHA-256 |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
        (library.folder / "README.md").write_text("\n".join(lines))


if __name__ == "__main__":
    main()
