"""The photograph and the paintings on the page: samples, order, undo, and what survives."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.page.conftest import png, shot
from tests.page.steps import check_accessible, choose_samples, drop, job_of, start

#: Whether the browser has stored a form with a detail map.
STORED = """async () => {
    const main = document.querySelector("script[type=module]").src;
    const { recallForm } = await import(new URL("lib/storage.js", main));
    return Boolean((await recallForm())?.detail);
}"""


def paintings(page: Page) -> list[str]:
    return page.locator('[data-field="style"] .tile .name').all_inner_texts()


def sample(page: Page, name: str) -> None:
    button = page.get_by_role("button", name=name, exact=True)
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")


def add(page: Page, name: str) -> None:
    page.get_by_role("button", name="Add another painting").click()
    sample(page, name)


def test_a_sample_replaces_the_painting_and_undo_brings_it_back(page: Page) -> None:
    for name in ("Swirls", "Mosaic", "Mosaic", "Embers"):
        sample(page, name)
    assert paintings(page) == ["embers.jpg"]
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("[data-sample='mosaic.jpg']")).to_have_attribute("aria-pressed", "true")
    assert paintings(page) == ["mosaic.jpg"]


def test_further_paintings_are_added_weighted_and_ordered(page: Page) -> None:
    choose_samples(page)
    page.get_by_role("button", name="Add another painting").click()
    shot(page, "20-another")
    check_accessible(page)
    page.get_by_role("button", name="Cancel").click()
    add(page, "Swirls")
    add(page, "Embers")
    assert paintings(page) == ["woodblock.jpg", "swirls.jpg", "embers.jpg"]
    page.get_by_label("Weight of embers.jpg").fill("3")
    page.get_by_role("button", name="Move embers.jpg earlier").click()
    page.get_by_role("button", name="Move embers.jpg earlier").click()
    page.get_by_role("button", name="Move woodblock.jpg later").click()
    assert paintings(page) == ["embers.jpg", "swirls.jpg", "woodblock.jpg"]
    page.get_by_role("button", name="Remove swirls.jpg").click()
    job = start(page, steps=1)
    assert job_of(page, job)["params"]["style_blend"] == [3.0, 1.0]


def test_the_form_survives_a_reload(page: Page) -> None:
    choose_samples(page)
    add(page, "Swirls")
    page.get_by_label("Weight of swirls.jpg").fill("2")
    page.get_by_label("Strength value").fill("0.8")
    page.get_by_role("button", name="Paint detail").click()
    page.locator(".painter canvas").click()
    page.get_by_role("button", name="Use detail map").click()
    page.wait_for_function(STORED)
    page.reload()
    expect(page.locator(".tile img")).to_have_count(3)
    assert paintings(page) == ["woodblock.jpg", "swirls.jpg"]
    expect(page.get_by_label("Weight of swirls.jpg")).to_have_value("2")
    expect(page.get_by_label("Strength value")).to_have_value("0.8")
    expect(page.get_by_role("button", name="Edit detail")).to_be_visible()


def test_painted_work_is_not_thrown_away_without_a_question(page: Page) -> None:
    choose_samples(page)
    page.get_by_role("button", name="Paint detail").click()
    page.locator(".painter canvas").click()
    page.keyboard.press("Escape")
    question = page.get_by_role("dialog", name="Discard what you painted?")
    question.get_by_role("button", name="Go on painting").click()
    page.get_by_role("button", name="Use detail map").click()
    page.get_by_role("button", name="Coffee", exact=True).click()
    replace = page.get_by_role("dialog", name="Replace the photograph?")
    check_accessible(page)
    replace.get_by_role("button", name="Keep it").click()
    expect(page.get_by_role("button", name="Edit detail")).to_be_visible()
    page.get_by_role("button", name="Coffee", exact=True).click()
    replace.get_by_role("button", name="Replace").click()
    expect(page.get_by_role("button", name="Paint detail")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("button", name="Edit detail")).to_be_visible()


def test_strokes_are_undone_and_redone_with_the_usual_keys(page: Page) -> None:
    choose_samples(page)
    page.get_by_role("button", name="Paint detail").click()
    painter = page.locator(".painter")
    painter.locator("canvas").click()
    expect(painter).to_contain_text("White keeps the detail")
    page.keyboard.press("Control+z")
    expect(painter).to_contain_text("Nothing is painted yet")
    page.keyboard.press("Control+Shift+z")
    expect(painter).to_contain_text("White keeps the detail")
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+y")
    expect(painter).to_contain_text("White keeps the detail")


def test_regions_follow_their_paintings(page: Page) -> None:
    for field, name in (("content", "photo"), ("style", "first"), ("style", "second")):
        drop(page, f'[data-field="{field}"]', (f"{name}.png", png(64, 64)))
    expect(page.locator(".tile img")).to_have_count(3)
    page.get_by_role("button", name="Paint regions").click()
    for name in ("Photograph", "Painting 2"):
        page.get_by_role("radio", name=name, exact=True).check()
        page.locator(".painter canvas").click()
    page.get_by_role("button", name="Use regions").click()
    page.get_by_role("button", name="Move second.png earlier").click()
    page.get_by_role("button", name="Remove first.png").click()
    page.get_by_role("button", name="Edit regions").click()
    expect(page.locator(".painter")).to_contain_text("have the same regions")
