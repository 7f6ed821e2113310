"""What the tests do on the page, and what they expect of every state."""

from __future__ import annotations

import base64
import re
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.page.conftest import PATIENCE_MS, ROOT

expect.set_options(timeout=PATIENCE_MS)

CAT, WAVES = ROOT / "samples/photos/cat.jpg", ROOT / "samples/styles/woodblock.jpg"
AXE = (ROOT / "tests/page/vendor/axe.min.js").read_text()


def drop(page: Page, selector: str, *files: tuple[str, bytes]) -> None:
    """Drop files on an element of the page."""
    encoded = [(name, base64.b64encode(data).decode()) for name, data in files]
    transfer = page.evaluate_handle(
        """(files) => {
            const transfer = new DataTransfer();
            for (const [name, text] of files) {
                const bytes = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
                transfer.items.add(new File([bytes], name));
            }
            return transfer;
        }""",
        encoded,
    )
    page.dispatch_event(selector, "drop", {"dataTransfer": transfer})


def choose_samples(page: Page) -> None:
    page.get_by_role("button", name="Cat", exact=True).click()
    page.get_by_role("button", name="Woodblock", exact=True).click()
    expect(page.locator(".tile img")).to_have_count(2)


def start(page: Page, steps: int, size: int = 64) -> str:
    """Submit the form, and return the id of the job."""
    page.get_by_label("Size value").fill(str(size))
    page.get_by_label("Steps value").fill(str(steps))
    page.get_by_role("button", name="Paint", exact=True).click()
    page.wait_for_url(re.compile("#/jobs/"), timeout=PATIENCE_MS)
    return page.url.rsplit("/", 1)[1]


def job_of(page: Page, job: str) -> dict[str, Any]:
    """Return a job as its browser sees it."""
    document: dict[str, Any] = page.request.get(f"{page.url.split('#')[0]}jobs/{job}").json()
    return document


def canvas(page: Page, picture: str = "Photograph") -> Locator:
    """The picture in the painter with this name."""
    named = page.get_by_text(picture, exact=True)
    return page.locator(".paint-sheet", has=named).get_by_role("application")


def expect_problem(page: Page, field: str, text: str | re.Pattern[str]) -> None:
    expect(page.locator(f'[data-field="{field}"] > .problem')).to_contain_text(text)


def check_accessible(page: Page) -> None:
    """Assert that axe-core finds no accessibility problems."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    results: dict[str, Any] = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    violations = [
        (each["id"], [node["html"][:160] for node in each["nodes"]])
        for each in results["violations"]
    ]
    assert violations == []


def heading(page: Page, text: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(text)
