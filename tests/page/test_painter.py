"""The painter: undo, zoom, the outline of the brush, masks from files, moved regions."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image
from playwright.sync_api import Page, expect

from tests.page.conftest import png, shot
from tests.page.steps import canvas, check_accessible, choose_samples, drop


def painted(page: Page, picture: str = "Photograph") -> float:
    """The share of a picture that is painted."""
    share: float = canvas(page, picture).evaluate(
        """(canvas) => {
            const { width, height } = canvas;
            const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
            const covered = data.filter((value, index) => index % 4 === 3 && value).length;
            return covered / (width * height);
        }"""
    )
    return share


def mask(*levels: int) -> bytes:
    """A picture with a column of each grey level."""
    columns = np.repeat(np.array(levels, dtype=np.uint8), 32)
    buffer = io.BytesIO()
    Image.fromarray(np.tile(columns, (64, 1))).save(buffer, "PNG")
    return buffer.getvalue()


def load(page: Page, label: str, data: bytes) -> None:
    file = {"name": "mask.png", "mimeType": "image/png", "buffer": data}
    page.get_by_label(label, exact=True).set_input_files(file)  # type: ignore[arg-type]


def test_strokes_are_undone_and_redone_with_the_usual_keys(page: Page) -> None:
    choose_samples(page)
    page.get_by_role("button", name="Keep details").click()
    painter = page.locator(".painter")
    painter.get_by_role("application").click()
    expect(painter).to_contain_text("Green keeps the details")
    page.keyboard.press("Control+z")
    expect(painter).to_contain_text("Nothing is painted yet")
    page.keyboard.press("Control+Shift+z")
    expect(painter).to_contain_text("Green keeps the details")
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+y")
    expect(painter).to_contain_text("Green keeps the details")


def test_regions_follow_their_paintings(page: Page) -> None:
    for field, name in (("content", "photo"), ("style", "first"), ("style", "second")):
        drop(page, f'[data-field="{field}"]', (f"{name}.png", png(64, 64)))
    expect(page.locator(".tile img")).to_have_count(3)
    page.get_by_role("button", name="Paint regions").click()
    for name in ("Photograph", "Painting 2"):
        canvas(page, name).click()
    page.get_by_role("button", name="Done").click()
    page.get_by_role("button", name="Move second.png earlier").click()
    page.get_by_role("button", name="Remove first.png").click()
    page.get_by_role("button", name="Edit regions").click()
    expect(page.locator(".painter")).to_contain_text("have the same regions")


def test_the_pictures_are_side_by_side_and_can_be_zoomed(page: Page) -> None:
    choose_samples(page)
    page.get_by_role("button", name="Paint regions").click()
    photo, painting = (canvas(page, name).bounding_box() for name in ("Photograph", "Painting"))
    assert photo
    assert painting
    assert painting["x"] >= photo["x"] + photo["width"]
    assert painting["y"] < photo["y"] + photo["height"]
    page.get_by_role("button", name="Zoom in").click()
    larger = canvas(page).bounding_box()
    assert larger
    assert abs(larger["width"] / photo["width"] - 1.5) < 0.01
    canvas(page).hover()
    page.keyboard.down("Control")
    page.mouse.wheel(0, 2000)
    page.keyboard.up("Control")
    expect(page.locator(".sheets")).to_have_attribute("style", "--zoom: 1;")
    shot(page, "24-side-by-side")
    check_accessible(page)


def test_the_brush_has_an_outline_before_it_paints(page: Page) -> None:
    choose_samples(page)
    page.get_by_role("button", name="Keep details").click()
    assert painted(page) == 0
    canvas(page).hover()
    assert 0 < painted(page) < 0.05
    page.locator("h2", has_text="Detail").hover()
    assert painted(page) == 0


def test_a_mask_is_loaded_from_a_file(page: Page) -> None:
    choose_samples(page)
    page.get_by_role("button", name="Paint regions").click()
    painter = page.locator(".painter")
    load(page, "Load mask: photograph", mask(0, 90, 180, 255))
    assert abs(painted(page) - 0.75) < 0.02
    expect(painter).to_contain_text("No painting has region 1, region 2, region 3")
    load(page, "Load mask: painting", mask(0, 90, 180, 255))
    expect(painter).to_contain_text("have the same regions")
    load(page, "Load mask: painting", mask(*range(0, 240, 30)))
    expect(painter).to_contain_text("it has 8 grey levels. Expected at most 5")
    page.get_by_role("button", name="Done").click()
    expect(page.get_by_role("button", name="Edit regions")).to_be_visible()


def test_fingers_and_pens_paint_but_two_fingers_zoom(phone: Page) -> None:
    choose_samples(phone)
    phone.get_by_role("button", name="Keep details").click()
    box = canvas(phone).bounding_box()
    assert box
    client = phone.context.new_cdp_session(phone)
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def touch(kind: str, *gaps: float) -> None:
        points = [{"x": x + gap, "y": y, "id": index} for index, gap in enumerate(gaps)]
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", 0)
    touch("touchEnd")
    one = painted(phone)
    assert one > 0
    touch("touchStart", -20)
    touch("touchStart", -20, 20)
    for gap in (30, 40, 60):
        touch("touchMove", -gap, gap)
    touch("touchEnd")
    assert painted(phone) == one
    larger = canvas(phone).bounding_box()
    assert larger
    assert larger["width"] > 2 * box["width"]
    pen = {"pointerType": "pen", "button": "left", "clickCount": 1, "x": x + 60, "y": y + 60}
    client.send("Input.dispatchMouseEvent", {**pen, "type": "mousePressed", "buttons": 1})
    client.send("Input.dispatchMouseEvent", {**pen, "type": "mouseReleased"})
    assert painted(phone) > one


def test_details_and_regions_are_layers_of_one_editor(page: Page) -> None:
    choose_samples(page)
    page.get_by_role("button", name="Keep details").click()
    painter = page.get_by_role("dialog", name="Details")
    canvas(page).click()
    painter.get_by_role("radio", name="Regions", exact=True).check()
    painter = page.get_by_role("dialog", name="Regions")
    for name in ("Photograph", "Painting"):
        canvas(page, name).click()
    expect(painter).to_contain_text("the same regions")
    check_accessible(page)
    for _ in range(3):
        page.keyboard.press("Control+z")
    expect(page.get_by_role("dialog", name="Details")).to_contain_text("Nothing is painted yet")
    for _ in range(3):
        page.keyboard.press("Control+y")
    page.get_by_role("button", name="Done").click()
    for edit in ("Edit details", "Edit regions"):
        expect(page.get_by_role("button", name=edit)).to_be_visible()
