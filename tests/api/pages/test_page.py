"""The static files of the page: caching, compression and the security policy."""

from __future__ import annotations

import html
import json
import re
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from api.pages.assets import MEDIA_TYPES, PACKED, STATIC
from core.pictures.formats.table import INPUT_FORMATS
from core.settings.model import Settings

ROOT = Path(__file__).parent.parent.parent.parent


def asset(client: httpx.Client, name: str) -> str:
    """Return the URL of a static file, with the prefix that the page uses."""
    matched = re.search(r"static/\w+/", client.get("/").text)
    assert matched is not None
    return f"/{matched[0]}{name}"


@pytest.mark.parametrize("path", ["/", "page.css", "js/main.js", "samples/photos/cat.jpg"])
def test_the_policy_allows_only_own_resources(client: httpx.Client, path: str) -> None:
    answer = client.get(path if path == "/" else asset(client, path))
    assert answer.status_code == 200
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_the_page_has_no_inline_script_or_style(client: httpx.Client) -> None:
    text = client.get("/").text
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", text)


def test_the_page_is_revalidated_and_its_files_are_immutable(client: httpx.Client) -> None:
    page = client.get("/")
    assert page.headers["Cache-Control"] == "private, no-cache"  # it sets a cookie
    again = client.get("/", headers={"If-None-Match": page.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    script = client.get(asset(client, "js/main.js"))
    assert script.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert script.headers["Content-Type"].startswith("text/javascript")


def test_a_file_of_another_version_is_not_cached(client: httpx.Client) -> None:
    answer = client.get("/static/0123456789abcdef/js/main.js")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")


def test_text_is_compressed_for_clients_that_accept_it(client: httpx.Client) -> None:
    path = asset(client, "page.css")
    packed = client.get(path, headers={"Accept-Encoding": "gzip"})
    plain = client.get(path, headers={"Accept-Encoding": "identity"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert packed.content == plain.content == (STATIC / "page.css").read_bytes()
    assert packed.num_bytes_downloaded < plain.num_bytes_downloaded / 2


def test_a_file_that_is_stored_compressed_has_its_own_media_type(client: httpx.Client) -> None:
    path = asset(client, "swagger/swagger-ui-bundle.js")
    packed = client.get(path, headers={"Accept-Encoding": "gzip"})
    plain = client.get(path, headers={"Accept-Encoding": "identity"})
    assert packed.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert (packed.headers["Content-Encoding"], packed.content) == ("gzip", plain.content)
    assert b"SwaggerUIBundle" in plain.content
    assert client.get(f"{path}.gz").status_code == 404


def test_an_unknown_file_responds_with_a_problem(client: httpx.Client) -> None:
    for path in ("js/nothing.js", "%2e%2e/page.py", "vendor/README.md"):
        answer = client.get(asset(client, path))
        assert answer.status_code == 404
        assert answer.headers["Content-Type"] == "application/problem+json"


def test_the_page_contains_the_limits_of_the_server(
    client: httpx.Client, settings: Settings
) -> None:
    matched = re.search(r'<meta name="easel" content="([^"]*)"', client.get("/").text)
    assert matched is not None
    server = json.loads(html.unescape(matched[1]))
    assert server["max_size"] == settings.max_size
    assert server["max_picture_bytes"] == settings.max_picture_bytes
    assert server["presets"]["gatys2015"]["init"] == "noise"
    assert server["style_statistics"]["balanced"] == {
        "strength": "covariance",
        "style_weight": "gram",
    }
    assert server["not_displayable"] == ["tiff"]


def test_the_page_offers_every_accepted_format() -> None:
    source = (STATIC / "js" / "pictures" / "files.js").read_text()
    accepted = "".join(re.findall(r'"([^"]*)"', source.partition("ACCEPT")[2].partition(";")[0]))
    assert {each.media_type for each in INPUT_FORMATS} <= set(accepted.split(","))
    *others, last = (each.name for each in INPUT_FORMATS)
    assert f'FORMATS = "{", ".join(others)} or {last}"' in source


@pytest.mark.parametrize(
    "folder", ["api/pages/static/vendor", "api/pages/static/swagger", "tests/page/vendor"]
)
def test_vendored_libraries_match_their_digests_and_have_licences(folder: str) -> None:
    rows = re.findall(
        r"\| `(\S+)` \| .* \| (\S+) \| `(\w{64})` \|", (ROOT / folder / "README.md").read_text()
    )
    written = {name: digest for name, _, digest in rows}
    there = {
        path.name: sha256(path.read_bytes()).hexdigest()
        for path in (ROOT / folder).iterdir()
        if path.name != "README.md"
    }
    assert written == there
    assert any("LICENSE" in name for name in there)


def test_every_file_of_the_page_has_a_media_type() -> None:
    served = {path.suffix for path in STATIC.rglob("*") if path.is_file()}
    assert served <= {*MEDIA_TYPES, PACKED, ".md", ".txt"}
