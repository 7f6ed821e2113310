"""Takes the README's screenshot of the page in a real browser (``make page-picture``)."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from tests.acceptance.conftest import Service, free_port
from tests.page.conftest import FLAGS, ROOT

PATIENCE_MS = 600_000


def main() -> None:
    """Create a picture from two samples, and save a screenshot of the finished job."""
    with tempfile.TemporaryDirectory() as data, sync_playwright() as playwright:
        service = Service(Path(data), free_port())
        service.wait_until_ready()
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        page = browser.new_page(viewport={"width": 1360, "height": 800})
        page.set_default_timeout(PATIENCE_MS)
        page.goto(f"http://127.0.0.1:{service.port}/")
        page.get_by_role("button", name="Coffee").click()
        page.get_by_role("button", name="Swirls").click()
        page.locator(".tile img").nth(1).wait_for()
        page.get_by_label("Size value").fill("256")
        page.get_by_label("Steps value").fill("30")
        page.get_by_role("button", name="Paint", exact=True).click()
        page.get_by_role("heading", name="Finished").wait_for()
        page.locator(".pair .before").wait_for()
        shot = Image.open(io.BytesIO(page.screenshot()))
        shot.convert("RGB").save(ROOT / "docs" / "images" / "page.webp", quality=82, method=6)
        browser.close()
        service.stop()


if __name__ == "__main__":
    main()
