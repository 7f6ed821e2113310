"""The example page in a real browser, on another origin than the API."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.examples.conftest import QUICK, Running
from tests.examples.test_examples import EXAMPLES
from tests.page.conftest import PATIENCE_MS, browser, steady

__all__ = ["browser", "steady"]


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """A server of the example files."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(EXAMPLES))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def page(browser: Browser, easel: Running, site: str) -> Iterator[Page]:
    """The page, with the API key added as a proxy would do."""
    context = browser.new_context()
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.route(
        f"{easel.url}/**",
        lambda route: route.continue_(
            headers={**route.request.headers, "authorization": f"Bearer {easel.key}"}
        ),
    )
    page.goto(f"{site}/page.html?{urlencode({'easel': easel.url, **QUICK})}")
    yield page
    context.close()


def test_the_example_page_creates_a_picture(page: Page, easel: Running) -> None:
    page.get_by_label("Photograph").set_input_files(easel.content)
    page.get_by_label("Painting").set_input_files(easel.style)
    page.get_by_role("button", name="Paint", exact=True).click()
    painted = page.locator("img[src*='/result?expires=']")
    painted.wait_for()
    page.wait_for_function("document.querySelector('img').naturalWidth === 64")
    expect(page.get_by_role("progressbar")).to_have_js_property("value", 1)
    assert page.locator("output").text_content() == ""


def test_the_example_page_shows_errors(page: Page, easel: Running, site: str) -> None:
    page.goto(f"{site}/page.html?{urlencode({'easel': easel.url, 'size': '1'})}")
    page.get_by_label("Photograph").set_input_files(easel.content)
    page.get_by_label("Painting").set_input_files(easel.style)
    page.get_by_role("button", name="Paint", exact=True).click()
    expect(page.locator("output")).to_contain_text("size: '1' is invalid", timeout=PATIENCE_MS)
