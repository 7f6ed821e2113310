"""The API reference in a real browser, with a real service."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.acceptance.conftest import Service
from tests.page.conftest import PATIENCE_MS, shot


def test_the_reference_loads_only_from_the_service(page: Page, service: Service) -> None:
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto(f"http://127.0.0.1:{service.port}/docs")
    create = page.locator("#operations-jobs-create_job")
    expect(create).to_be_visible(timeout=PATIENCE_MS)
    create.click()
    expect(create).to_contain_text("Idempotency-Key", timeout=PATIENCE_MS)
    shot(page, "reference")
    ours = f"http://127.0.0.1:{service.port}/"
    assert [url for url in requests if not url.startswith((ours, "data:"))] == []
    assert f"{ours}openapi.json" in requests
