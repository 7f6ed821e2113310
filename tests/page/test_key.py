"""The API key on the page."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.conftest import Service, free_port
from tests.page.conftest import shot
from tests.page.steps import check_accessible, choose_samples, heading


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def service(data_dir: Path) -> Iterator[Service]:
    """A service of its own, which will require a key."""
    service = Service(data_dir, free_port(), OMP_NUM_THREADS="1")
    service.wait_until_ready()
    yield service
    service.stop()


def test_an_api_key_is_requested_once_and_stored(
    page: Page, service: Service, errors: list[str], data_dir: Path
) -> None:
    # From now on, the service requires a key.
    created = subprocess.run(
        [sys.executable, "-m", "cli", "keys", "create", "somebody"],
        env={**os.environ, "EASEL_DATA_DIR": str(data_dir)},
        capture_output=True,
        text=True,
        check=True,
    )
    choose_samples(page)
    page.get_by_label("Size value").fill("64")
    page.get_by_label("Steps value").fill("2")
    dialog = page.get_by_role("dialog", name="API key required")
    expect(page.get_by_role("button", name="Paint", exact=True)).to_be_enabled()
    while not dialog.is_visible():  # the API notices the first key within a second
        if "#/jobs/" not in page.url:
            page.get_by_role("button", name="Paint", exact=True).click()
        dialog.or_(page.get_by_role("heading", name="Finished")).first.wait_for()
        if not dialog.is_visible():
            page.get_by_role("button", name="Reuse settings").click()
    shot(page, "18-key")
    check_accessible(page)
    dialog.get_by_label("API key").fill("wrong")
    dialog.get_by_role("button", name="Use key").click()
    expect(dialog.get_by_text("The server did not accept this key")).to_be_visible()
    dialog.get_by_label("API key").fill(created.stdout.strip())
    dialog.get_by_role("button", name="Use key").click()
    heading(page, "Finished")
    expect(page.locator(".pair img").first).to_be_visible()
    page.reload()
    heading(page, "Finished")
    expect(dialog).to_be_hidden()
    assert all("401" in error for error in errors)
    errors.clear()
