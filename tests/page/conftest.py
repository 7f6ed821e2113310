"""A real browser and a real service."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from tests.acceptance.conftest import Service, free_port
from tests.steady_network import steady_network

ROOT = Path(__file__).parent.parent.parent
SHOTS = ROOT / ".screenshots"

#: The timeout of waits for the service, on a busy machine.
PATIENCE_MS = 60_000

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip

#: Switches the live draft off, which would keep the worker busy in every test.
NO_LIVE_DRAFT = (
    """if (location.protocol !== "about:") localStorage.setItem("easel-live-off", "1")"""
)


@pytest.fixture(autouse=True)
def steady() -> Iterator[None]:
    """No test adds network interfaces meanwhile."""
    with steady_network():
        yield


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, for one module: while it runs, asyncio.run cannot be used."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="session")
def service(data_dir: Path) -> Iterator[Service]:
    service = Service(
        data_dir,
        free_port(),
        EASEL_MAX_PICTURE_BYTES="200000",
        EASEL_DISPLAY_SIDE="80",
        EASEL_MAX_SIZE="2048",
        OMP_NUM_THREADS="1",
    )
    service.wait_until_ready()
    yield service
    service.stop()


@pytest.fixture
def errors() -> list[str]:
    """The errors of the browser. A test that provokes errors clears them."""
    return []


@pytest.fixture
def page(browser: Browser, service: Service, errors: list[str]) -> Iterator[Page]:
    """The page in a new browser profile."""
    yield from opened(
        browser, service, errors, viewport={"width": 1360, "height": 900}, reduced_motion="reduce"
    )


@pytest.fixture
def phone(browser: Browser, service: Service, errors: list[str]) -> Iterator[Page]:
    """The page on a phone, in dark mode."""
    yield from opened(
        browser, service, errors,
        viewport={"width": 390, "height": 844}, color_scheme="dark",
        has_touch=True, is_mobile=True, device_scale_factor=2, reduced_motion="reduce",
    )  # fmt: skip


def opened(
    browser: Browser, service: Service, errors: list[str], **options: object
) -> Iterator[Page]:
    context = browser.new_context(**options)  # type: ignore[arg-type]
    context.set_default_timeout(PATIENCE_MS)
    context.add_init_script(NO_LIVE_DRAFT)
    page = context.new_page()
    page.on(
        "console", lambda message: errors.append(message.text) if message.type == "error" else None
    )
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"http://127.0.0.1:{service.port}/")
    try:
        page.get_by_role("heading", name="Turn a photograph").wait_for()
    except PlaywrightError as error:
        raise AssertionError(f"the page did not start: {errors}") from error
    page.keyboard.press("Shift")  # the first interaction loads the drawer
    page.get_by_label("Seed", exact=True).wait_for(state="attached")
    yield page
    context.close()
    assert errors == []


def shot(page: Page, name: str) -> None:
    """Save screenshots in both themes, for a person to check, if the environment asks for them."""
    if "SCREENSHOTS" not in os.environ:
        return
    SHOTS.mkdir(exist_ok=True)
    themes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for theme in themes:
        page.emulate_media(color_scheme=theme)
        page.screenshot(path=SHOTS / f"{name}-{theme}.png", full_page=True, animations="disabled")
    page.emulate_media(color_scheme="light")


def png(width: int, height: int) -> bytes:
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((width, height)).convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()
