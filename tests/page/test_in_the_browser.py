"""The web page in a real browser, with a real service."""

from __future__ import annotations

import hashlib
import io
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import numpy as np
import pytest
import tifffile
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.acceptance.conftest import Service
from tests.conftest import photo
from tests.page.conftest import PATIENCE_MS, png, shot
from tests.page.steps import (
    CAT,
    WAVES,
    canvas,
    check_accessible,
    choose_samples,
    drop,
    expect_problem,
    heading,
    job_of,
    start,
)
from tests.service.path_proxy import PathProxy

#: The limit for the first view, with the samples, but without the pictures of the example.
FIRST_PAINT_BYTES = 120_000


def test_two_dropped_files_become_a_downloaded_picture(page: Page, tmp_path: Path) -> None:
    shot(page, "1-empty")
    check_accessible(page)
    drop(page, '[data-field="content"]', ("cat.jpg", CAT.read_bytes()))
    drop(page, '[data-field="style"]', ("waves.jpg", WAVES.read_bytes()))
    expect(page.locator(".tile img")).to_have_count(2)
    shot(page, "2-chosen")
    check_accessible(page)
    start(page, steps=12)
    heading(page, "Finished")
    expect(page.locator(".chart canvas")).to_be_visible()
    before_and_after = page.get_by_label("Before and after", exact=True)
    before_and_after.fill("20")
    expect(before_and_after).to_have_attribute("aria-valuetext", "20 % before, 80 % after")
    shot(page, "3-finished")
    check_accessible(page)
    frame = page.locator(".frame")
    page.get_by_role("radio", name="400 %").check()
    expect(frame).to_have_class(re.compile("zoomed"))
    frame.hover()
    page.keyboard.down("Control")
    page.mouse.wheel(0, 5000)
    expect(frame).not_to_have_class(re.compile("zoomed"))
    page.mouse.wheel(0, -500)
    expect(frame).to_have_class(re.compile("zoomed"))
    page.keyboard.up("Control")
    for name, expected in (("png", "PNG"), ("jpeg", "JPEG"), ("webp", "WEBP"), ("tiff", "TIFF")):
        page.get_by_label("File format").select_option(name)
        with page.expect_download() as downloading:
            page.get_by_role("button", name="Download").click()
        downloading.value.save_as(tmp_path / name)
        with Image.open(tmp_path / name) as picture:
            picture.load()
            assert (picture.format, max(picture.size)) == (expected, 64)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_text("Link copied. Anybody who has this link")).to_be_visible()
    link = page.evaluate("navigator.clipboard.readText()")
    assert httpx.get(link).content == (tmp_path / "png").read_bytes()
    check_shared(page)
    page.get_by_role("button", name="Film").click()
    film = page.get_by_role("dialog", name="How it emerged").get_by_role("img")
    expect(film).to_have_js_property("naturalWidth", 64)
    shot(page, "29-film")
    check_accessible(page)
    with page.expect_download() as downloading:
        page.get_by_role("button", name="Save as MP4").click()
    assert downloading.value.path().read_bytes()[4:8] == b"ftyp"


def check_shared(page: Page) -> None:
    """Assert that a browser with nothing but the second link shows before and after."""
    page.get_by_role("button", name="Before/after link").click()
    expect(page.get_by_text("can see the picture and the photograph until")).to_be_visible()
    link = page.evaluate("navigator.clipboard.readText()")
    assert page.context.browser is not None
    stranger = page.context.browser.new_page()
    stranger.goto(link)
    expect(stranger.get_by_label("Before and after", exact=True)).to_be_visible()
    expect(stranger.locator(".pair .before")).to_have_js_property("naturalWidth", 64)
    shot(stranger, "32-shared")
    check_accessible(stranger)
    for damaged, says in ((link[:-1], "Copy all of it"), (link[:-2] + "..", "Copy all of it")):
        stranger.goto("about:blank")
        stranger.goto(damaged)
        expect(stranger.get_by_role("main")).to_contain_text(says)
    stranger.close()


def test_a_large_result_is_shown_by_a_copy_and_downloaded_without_being_loaded(
    page: Page, tmp_path: Path
) -> None:
    loaded: list[str] = []
    page.on("request", lambda sent: loaded.append(sent.url) if "/result" in sent.url else None)
    choose_samples(page)
    job = start(page, steps=1, size=96)
    heading(page, "Finished")
    expect(page.get_by_text("This is a copy of 80 × 53 pixels")).to_be_visible()
    assert [url.rsplit("/", 1)[1] for url in loaded] == ["result?display=true"]
    shot(page, "4-large")
    check_accessible(page)
    expect(page.get_by_label("File format").locator("option")).to_have_text(["PNG"])
    page.get_by_role("link", name="Your pictures").click()
    expect(page.locator(f'.card:has(a[href="#/jobs/{job}"]) img')).to_be_visible()
    assert len(loaded) == 1
    page.go_back()
    with page.expect_download() as downloading:
        page.get_by_role("button", name="Download").click()
    downloading.value.save_as(tmp_path / "large.png")
    with Image.open(tmp_path / "large.png") as picture:
        assert picture.size == (96, 64)
    page.get_by_role("button", name="Show all pixels").click()
    expect(page.locator(".pair img").first).to_have_js_property("naturalWidth", 96)


def test_a_result_that_browsers_cannot_display_is_shown_by_a_copy(
    page: Page, tmp_path: Path
) -> None:
    choose_samples(page)
    page.get_by_text("Advanced").click()
    page.get_by_label("File format", exact=True).select_option("tiff")
    job = start(page, steps=6)
    heading(page, "Finished")
    expect(page.get_by_text("Browsers cannot display TIFF")).to_be_visible()
    expect(page.get_by_label("Before and after", exact=True)).to_be_visible()
    expect(page.get_by_label("File format").locator("option")).to_have_text(["TIFF"])
    with page.expect_download() as downloading:
        page.get_by_role("button", name="Download").click()
    downloading.value.save_as(tmp_path / "tiff")
    assert tifffile.imread(tmp_path / "tiff").dtype == np.uint16
    page.get_by_role("link", name="Your pictures").click()
    expect(page.locator(f'.card:has(a[href="#/jobs/{job}"]) img')).to_be_visible()


def test_a_finished_picture_can_be_reused_and_deleted(page: Page) -> None:
    choose_samples(page)
    job = start(page, steps=7)
    heading(page, "Finished")
    page.get_by_role("button", name="Reuse settings").click()
    expect(page.get_by_label("Steps value")).to_have_value("7")
    expect(page.locator(".tile img")).to_have_count(2)
    expect(page.get_by_text(re.compile("Takes about .* s here"))).to_be_visible()
    page.get_by_role("link", name="Your pictures").click()
    card = page.locator(f'.card:has(a[href="#/jobs/{job}"])')
    expect(card.locator("img")).to_be_visible()
    shot(page, "4-gallery")
    check_accessible(page)
    card.get_by_role("button").click()
    shot(page, "5-delete")
    check_accessible(page)
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(card).to_have_count(0)
    assert job_of(page, job)["code"] == "job_not_found"


def test_a_running_job_survives_a_reload_and_can_be_cancelled(page: Page) -> None:
    choose_samples(page)
    start(page, steps=5000)
    heading(page, "Painting")
    expect(page.locator(".progress-picture img[alt='Preview']")).to_be_visible()
    expect(page.get_by_text(re.compile(r"\d+ %\. 64 × \d+\."))).to_be_visible()
    expect(page.locator(".chart canvas")).to_be_visible()
    shot(page, "6-painting")
    check_accessible(page)
    page.reload()
    heading(page, "Painting")
    expect(page.locator(".chart canvas")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    heading(page, "Cancelled")
    shot(page, "7-cancelled")
    check_accessible(page)


def test_a_lost_connection_is_shown_and_restored(
    page: Page, service: Service, errors: list[str]
) -> None:
    choose_samples(page)
    start(page, steps=5000)
    heading(page, "Painting")
    page.route("**/events", lambda route: route.abort("connectionfailed"))
    os.kill(service.child("api"), signal.SIGKILL)
    expect(page.get_by_text("The server does not respond")).to_be_visible()
    heading(page, "Connection lost")
    expect(page.locator(".job")).not_to_contain_text("continues")
    shot(page, "8-lost")
    check_accessible(page)
    page.unroute("**/events")
    heading(page, "Painting")
    expect(page.get_by_text("The server does not respond")).to_be_hidden()
    page.get_by_role("button", name="Cancel").click()
    heading(page, "Cancelled")
    assert all("Failed to load resource" in error for error in errors)
    errors.clear()


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("nothing.png", b"", "is an empty file"),
        ("notes.txt", b"Some words.", "is not a supported picture"),
        ("half.png", png(64, 64)[:90], "is damaged and cannot be read"),
        ("large.tif", b"II*\0" + bytes(200_001), "the limit is 196 KB"),  # not to be scaled here
        ("tiny.png", png(8, 40), "each side must have at least 16 pixels"),
    ],
    ids=["empty", "text", "half", "large", "tiny"],
)
def test_an_unusable_picture_is_reported_beside_its_well(
    page: Page, name: str, data: bytes, message: str
) -> None:
    drop(page, '[data-field="content"]', (name, data))
    expect_problem(page, "content", message)
    drop(page, '[data-field="style"]', (name, data))
    expect_problem(page, "style", message)


def test_a_heic_that_the_browser_cannot_display_is_painted(page: Page) -> None:
    data = io.BytesIO()
    photo(96, 64).save(data, "HEIC")
    drop(page, '[data-field="content"]', ("IMG_0001.HEIC", data.getvalue()))
    drop(page, '[data-field="style"]', ("style.png", png(64, 64)))
    expect(page.get_by_text("This browser cannot display the picture")).to_be_visible()
    start(page, steps=1)
    heading(page, "Finished")


def test_invalid_values_are_reported_before_anything_is_sent(page: Page) -> None:
    posts: list[str] = []
    page.on("request", lambda sent: posts.append(sent.url) if sent.method == "POST" else None)
    page.get_by_role("button", name="Paint", exact=True).click()
    expect_problem(page, "content", "Choose a photograph")
    expect_problem(page, "style", "Choose one to five paintings")
    page.get_by_label("Size value").fill("9")
    expect_problem(page, "size", "Expected a whole number from 64")
    page.get_by_label("Size value").fill("20000")
    expect_problem(page, "size", "to 16384")
    page.get_by_label("Size value").fill("3000")
    expect_problem(page, "size", "This server allows at most 2048")
    page.get_by_label("Steps value").fill("many")
    expect_problem(page, "steps", "Expected a whole number")
    page.get_by_text("Advanced").click()
    page.get_by_label("Learning rate", exact=True).fill("0")
    expect_problem(page, "learning_rate", "above 0")
    page.get_by_label("Pyramid", exact=True).fill("steep")
    expect_problem(page, "pyramid", "Coarse-to-fine")
    page.get_by_label("Style layer weights", exact=True).fill("1,2")
    expect_problem(page, "style_layer_weights", "Expected 5 weights")
    page.get_by_role("group", name="Content layers").get_by_label("conv4_2").uncheck()
    expect_problem(page, "content_layers", "Choose at least one")
    page.get_by_label("Start from", exact=True).select_option("image")
    expect_problem(page, "init_image", "Choose an initial image")
    page.get_by_role("button", name="Paint", exact=True).click()
    shot(page, "9-wrong")
    check_accessible(page)
    assert posts == []
    page.get_by_role("button", name="Reset to preset").click()
    expect(page.get_by_label("Size value")).to_have_value("512")


def test_the_strength_and_the_style_weight_replace_each_other(page: Page) -> None:
    choose_samples(page)
    strength = page.get_by_label("Strength value")
    weight = page.get_by_label("Style weight", exact=True)
    page.get_by_text("Advanced").click()
    expect(strength).to_have_value("0.5")
    expect(weight).to_have_value("")
    weight.fill("20")
    expect(strength).to_have_value("")
    expect(page.get_by_text("Not used: the style weight is 20.")).to_be_visible()
    strength.fill("0.7")
    expect(weight).to_have_value("")
    page.get_by_label("Classic").check()
    expect(strength).to_have_value("")
    expect(weight).to_have_value("20")
    strength.fill("0.7")
    strength.fill("")
    expect_problem(page, "strength", "Expected a number from 0 to 1")
    page.get_by_role("button", name="Reset to preset").click()
    expect(weight).to_have_value("20")
    shot(page, "16-classic")
    check_accessible(page)
    weight.fill("")
    expect(strength).to_have_value("0.5")
    page.get_by_role("button", name="Copy as code").click()
    expect(page.locator("dialog code")).to_contain_text("strength=0.5")
    expect(page.locator("dialog code")).not_to_contain_text("style_weight")
    page.get_by_role("button", name="Close").click()
    params = job_of(page, start(page, steps=5))["params"]
    assert (params["preset"], params["strength"]) == ("classic", 0.5)
    assert params["style_weight"] is None
    heading(page, "Finished")
    page.get_by_role("button", name="Reuse settings").click()
    expect(strength).to_have_value("0.5")
    expect(weight).to_have_value("")


def test_a_sixth_painting_is_rejected(page: Page) -> None:
    drop(page, '[data-field="style"]', *[(f"{n}.png", png(20, 20)) for n in range(6)])
    expect_problem(page, "style", "at most 5 paintings")
    expect(page.locator('[data-field="style"] .tile')).to_have_count(5)
    shot(page, "10-five")
    check_accessible(page)


def test_errors_of_the_server_are_shown_beside_their_fields(page: Page, errors: list[str]) -> None:
    choose_samples(page)
    page.get_by_text("Advanced").click()
    page.get_by_label("Pyramid", exact=True).fill("16:2")  # a rule that only the server checks
    page.get_by_role("button", name="Paint", exact=True).click()
    expect_problem(page, "pyramid", "expected a smallest scale of at least 32")
    assert all("422" in error for error in errors)
    errors.clear()


def test_the_page_works_under_a_path_and_explains_the_error_page_of_a_proxy(
    page: Page, service: Service, errors: list[str]
) -> None:
    url = str(service.http.base_url)
    with PathProxy(url, "/easel", strip=True, announce=True) as proxy:
        page.goto(f"{proxy.url}/")
        choose_samples(page)
        start(page, steps=1)
        heading(page, "Finished")
    with PathProxy(url, "/easel", strip=True, error=413) as proxy:
        page.goto(f"{proxy.url}/")
        choose_samples(page)
        page.get_by_role("button", name="Paint", exact=True).click()
        expect(page.get_by_text("refuses uploads of this size (413)").first).to_be_visible()
        page.goto("about:blank")  # so that it asks for nothing once the proxy has stopped
    errors.clear()


def test_several_paintings_are_blended_and_regions_painted(page: Page) -> None:
    choose_samples(page)
    page.get_by_role("button", name="Add another painting").click()
    page.get_by_role("button", name="Swirls", exact=True).click()
    page.get_by_label("Weight of swirls.jpg").fill("3")
    page.get_by_role("button", name="Paint regions").click()
    for picture in ("Photograph", "Painting 2"):
        box = canvas(page, picture).bounding_box()
        assert box is not None
        page.get_by_role("slider", name="Brush").fill("60")
        page.mouse.move(box["x"] + 100, box["y"] + 60)
        page.mouse.down()
        page.mouse.move(box["x"] + 100, box["y"] + box["height"] - 60, steps=5)
        page.mouse.up()
        if picture == "Photograph":
            expect(page.locator(".painter")).to_contain_text("No painting has region 1")
    expect(page.locator(".painter")).to_contain_text("have the same regions")
    shot(page, "11-regions")
    check_accessible(page)
    page.get_by_role("button", name="Done").click()
    job = start(page, steps=3)
    heading(page, "Finished")
    assert job_of(page, job)["params"]["style_blend"] == [1.0, 3.0]


def test_painted_detail_is_sent_saved_and_reused(
    page: Page, data_dir: Path, tmp_path: Path
) -> None:
    choose_samples(page)
    page.get_by_role("button", name="Keep details").click()
    painter = page.locator(".painter")
    expect(painter).to_contain_text("Nothing is painted yet")
    for brush, down in (("Keep detail", 0.25), ("Paint freely", 0.75)):
        page.get_by_role("radio", name=brush).check()
        box = painter.get_by_role("application").bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + box["width"] / 4, box["y"] + box["height"] * down)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 3 / 4, box["y"] + box["height"] * down, steps=5)
        page.mouse.up()
    expect(painter).to_contain_text("Green keeps the details")
    shot(page, "19-detail")
    check_accessible(page)
    page.get_by_role("button", name="Done").click()
    page.get_by_role("button", name="Copy as code").click()
    expect(page.locator("dialog pre")).to_contain_text("-F detail_map=@cat-detail_map.png")
    with page.expect_download() as downloading:
        page.get_by_role("button", name="Save painted maps").click()
    assert downloading.value.suggested_filename == "cat-detail_map.png"
    downloading.value.save_as(tmp_path / "map.png")
    page.get_by_role("button", name="Close").click()
    with Image.open(CAT) as cat, Image.open(tmp_path / "map.png") as saved:
        assert saved.size == cat.size
        grey = saved.convert("L")
        column = [
            grey.getpixel((saved.width // 2, int(saved.height * y))) for y in (0.25, 0.5, 0.75)
        ]
        assert column == [255, 128, 0]
    start(page, steps=3)
    heading(page, "Finished")
    digest = hashlib.sha256((tmp_path / "map.png").read_bytes()).hexdigest()
    assert list(data_dir.rglob(f"*{digest}*")), "the server did not receive the map"
    page.get_by_role("button", name="Reuse settings").click()
    expect(page.get_by_role("button", name="Edit details")).to_be_visible()


def test_the_masks_of_pictures_with_the_same_name_have_different_names(page: Page) -> None:
    for field, picture in (("content", CAT), ("style", WAVES), ("style", WAVES)):
        drop(page, f'[data-field="{field}"]', ("picture.jpg", picture.read_bytes()))
    expect(page.locator(".tile img")).to_have_count(3)
    page.get_by_role("button", name="Paint regions").click()
    for name in ("Photograph", "Painting 1"):
        canvas(page, name).click()
    page.get_by_role("button", name="Done").click()
    page.get_by_role("button", name="Copy as code").click()
    code = page.locator("dialog pre").inner_text()
    assert re.findall(r"_mask=@(\S+)", code) == [
        "picture-content_mask.png",
        "picture-style_mask-1.png",
        "picture-style_mask-2.png",
    ]
    page.get_by_role("button", name="Close").click()
    page.evaluate(
        """() => {
            OffscreenCanvas.prototype.convertToBlob = async () => { throw Error("no memory"); };
        }"""
    )
    page.get_by_role("button", name="Copy as code").click()
    expect(page.get_by_role("alert")).to_have_text("No memory.")


def test_everything_can_be_done_with_the_keyboard_alone(page: Page) -> None:
    def to(name: str, role: str = "button") -> None:
        element = page.get_by_role(role, name=name, exact=True)  # type: ignore[arg-type]
        for _ in range(80):
            page.keyboard.press("Tab")
            if element.evaluate("element => element === document.activeElement"):
                return
        raise AssertionError(f"{name} cannot be reached with the Tab key")

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to main content")).to_be_focused()
    page.keyboard.press("Enter")
    to("Coffee")
    page.keyboard.press("Enter")
    to("Embers")
    page.keyboard.press("Enter")
    expect(page.locator(".tile img")).to_have_count(2)
    to("Paint regions")
    page.keyboard.press("Enter")
    for picture in ("Photograph", "Painting"):
        canvas(page, picture).focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Space")
    expect(page.locator(".painter")).to_contain_text("have the same regions")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Discard what you painted?")).to_be_visible()
    to("Discard")
    page.keyboard.press("Enter")
    expect(page.locator(".painter")).to_have_count(0)
    to("Size", "slider")
    page.keyboard.press("Home")
    expect(page.get_by_label("Size value")).to_have_value("64")
    to("Paint")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("#/jobs/"), timeout=PATIENCE_MS)
    to("Cancel")
    page.keyboard.press("Enter")
    heading(page, "Cancelled")


def test_the_page_fits_a_phone_in_dark_mode(phone: Page) -> None:
    def fits() -> None:
        wide = phone.evaluate("document.documentElement.scrollWidth")
        assert wide == phone.evaluate("document.documentElement.clientWidth")

    fits()
    expect(phone.get_by_text("Take a photo")).to_be_visible()
    shot(phone, "12-phone-empty")
    choose_samples(phone)
    phone.get_by_text("Advanced").click()
    fits()
    shot(phone, "13-phone-advanced")
    check_accessible(phone)
    start(phone, steps=5)
    heading(phone, "Finished")
    expect(phone.locator(".pair")).to_be_visible()
    fits()
    shot(phone, "14-phone-finished")
    check_accessible(phone)
    phone.get_by_role("link", name="Your pictures").click()
    expect(phone.locator(".thumb img").first).to_be_visible()
    fits()
    shot(phone, "15-phone-gallery")


def test_the_first_view_loads_little(browser: Browser, service: Service) -> None:
    page = browser.new_page()
    page.goto(f"http://127.0.0.1:{service.port}/")
    page.get_by_role("heading", name="Turn a photograph").wait_for()
    page.wait_for_load_state("networkidle")
    sent = page.evaluate(
        """["navigation", "resource"].flatMap((kind) => performance.getEntriesByType(kind))
            .map(({ name, transferSize }) => [name, transferSize])"""
    )
    pictures = [name for name, _ in sent if "/hero-" in name]
    assert len(pictures) == 3
    assert sum(size for name, size in sent if name not in pictures) < FIRST_PAINT_BYTES, sent
    assert len(sent) > 40
    _check_feedback_on_a_slow_network(page)
    page.close()


def _check_feedback_on_a_slow_network(page: Page) -> None:
    """Assert that a click has a visible effect before the server has responded."""
    slow = {"offline": False, "latency": 5000, "downloadThroughput": -1, "uploadThroughput": -1}
    page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", slow)
    cat = page.get_by_role("button", name="Cat", exact=True)
    cat.click()
    expect(cat).to_have_attribute("aria-busy", "true")
    page.get_by_role("link", name="Your pictures").click()
    expect(page.locator("main")).to_have_text("Loading…")


@pytest.mark.parametrize("language", ["curl", "Python", "JavaScript"])
def test_the_copied_code_saves_the_result(page: Page, tmp_path: Path, language: str) -> None:
    program = {"curl": ["sh"], "Python": [sys.executable], "JavaScript": ["node"]}[language]
    if language == "JavaScript" and not _has_node():
        pytest.skip("there is no Node here, version 20 or later")
    choose_samples(page)
    page.get_by_label("Size value").fill("64")
    page.get_by_label("Steps value").fill("2")
    page.get_by_role("button", name="Copy as code").click()
    page.get_by_role("radio", name=language).check()
    shot(page, f"16-code-{language}")
    check_accessible(page)
    code = tmp_path / "program.mjs"
    code.write_text(page.locator("dialog pre").inner_text())
    for picture in (CAT, WAVES):
        (tmp_path / picture.name).write_bytes(picture.read_bytes())
    subprocess.run([*program, code.name], cwd=tmp_path, capture_output=True, check=True)
    with Image.open(io.BytesIO((tmp_path / "painted.png").read_bytes())) as painted:
        assert max(painted.size) == 64


def _has_node() -> bool:
    try:
        version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return False
    return int(version.stdout[1:].split(".")[0]) >= 20


def test_an_unknown_job_is_reported(page: Page, errors: list[str]) -> None:
    page.goto(f"{page.url.split('#')[0]}#/jobs/01a2034d-a0dd-75cf-ba55-f08cc12def8b")
    heading(page, "Picture not found")
    shot(page, "17-none")
    check_accessible(page)
    assert all("404" in error for error in errors)
    errors.clear()
