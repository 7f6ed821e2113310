"""The page's own files: what is sent, what a browser keeps, and what it lets in."""

from __future__ import annotations

import html
import json
import re
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from api.pages.assets import MEDIA_TYPES, PACKED, STATIC
from core.settings.model import Settings

ROOT = Path(__file__).parent.parent.parent.parent


def asset(client: httpx.Client, name: str) -> str:
    """The address of a file of the page, as the page itself begins it."""
    found = re.search(r"static/\w+/", client.get("/").text)
    assert found is not None
    return f"/{found[0]}{name}"


@pytest.mark.parametrize("path", ["/", "page.css", "js/main.js", "samples/photos/cat.jpg"])
def test_nothing_but_what_is_ours_runs_in_the_page(client: httpx.Client, path: str) -> None:
    answer = client.get(path if path == "/" else asset(client, path))
    assert answer.status_code == 200
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_the_page_has_no_code_and_no_style_of_its_own(client: httpx.Client) -> None:
    text = client.get("/").text
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", text)


def test_the_page_is_asked_for_anew_and_its_files_are_kept_for_good(client: httpx.Client) -> None:
    page = client.get("/")
    assert page.headers["Cache-Control"] == "no-cache"
    again = client.get("/", headers={"If-None-Match": page.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    script = client.get(asset(client, "js/main.js"))
    assert script.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert script.headers["Content-Type"].startswith("text/javascript")


def test_a_file_of_another_version_is_given_but_not_kept(client: httpx.Client) -> None:
    answer = client.get("/static/0123456789abcdef/js/main.js")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")


def test_text_is_sent_compressed_to_those_who_read_it(client: httpx.Client) -> None:
    path = asset(client, "page.css")
    packed = client.get(path, headers={"Accept-Encoding": "gzip"})
    plain = client.get(path, headers={"Accept-Encoding": "identity"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert packed.content == plain.content == (STATIC / "page.css").read_bytes()
    assert packed.num_bytes_downloaded < plain.num_bytes_downloaded / 2


def test_a_file_that_is_kept_compressed_is_sent_as_what_it_is(client: httpx.Client) -> None:
    path = asset(client, "swagger/swagger-ui-bundle.js")
    packed = client.get(path, headers={"Accept-Encoding": "gzip"})
    plain = client.get(path, headers={"Accept-Encoding": "identity"})
    assert packed.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert (packed.headers["Content-Encoding"], packed.content) == ("gzip", plain.content)
    assert b"SwaggerUIBundle" in plain.content
    assert client.get(f"{path}.gz").status_code == 404


def test_a_file_that_is_not_there_is_a_problem_like_any_other(client: httpx.Client) -> None:
    for path in ("js/nothing.js", "%2e%2e/page.py", "vendor/README.md"):
        answer = client.get(asset(client, path))
        assert answer.status_code == 404
        assert answer.headers["Content-Type"] == "application/problem+json"


def test_the_page_knows_the_limits_of_its_server(client: httpx.Client, settings: Settings) -> None:
    found = re.search(r'<meta name="easel" content="([^"]*)"', client.get("/").text)
    assert found is not None
    about = json.loads(html.unescape(found[1]))
    assert about["max_size"] == settings.max_size
    assert about["max_picture_bytes"] == settings.max_picture_bytes
    assert about["presets"]["gatys2015"]["init"] == "noise"


@pytest.mark.parametrize(
    "folder", ["api/pages/static/vendor", "api/pages/static/swagger", "tests/page/vendor"]
)
def test_libraries_of_others_are_as_they_were_fetched_and_have_their_licences(folder: str) -> None:
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
