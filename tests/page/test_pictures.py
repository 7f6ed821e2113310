"""The photograph and the paintings on the page: samples, order, undo, and what survives."""

from __future__ import annotations

import io
import re

import numpy as np
from PIL import Image
from playwright.sync_api import Page, expect

from tests.page.conftest import shot
from tests.page.steps import check_accessible, choose_samples, drop, heading, job_of, start

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
    page.get_by_role("button", name="Keep details").click()
    page.get_by_role("application").click()
    page.get_by_role("button", name="Done").click()
    page.wait_for_function(STORED)
    page.reload()
    expect(page.locator(".tile img")).to_have_count(3)
    assert paintings(page) == ["woodblock.jpg", "swirls.jpg"]
    expect(page.get_by_label("Weight of swirls.jpg")).to_have_value("2")
    expect(page.get_by_label("Strength value")).to_have_value("0.8")
    expect(page.get_by_role("button", name="Edit details")).to_be_visible()


def test_painted_work_is_not_thrown_away_without_a_question(page: Page) -> None:
    choose_samples(page)
    page.get_by_role("button", name="Keep details").click()
    page.get_by_role("application").click()
    page.keyboard.press("Escape")
    question = page.get_by_role("dialog", name="Discard what you painted?")
    question.get_by_role("button", name="Go on painting").click()
    page.get_by_role("button", name="Done").click()
    page.get_by_role("button", name="Coffee", exact=True).click()
    replace = page.get_by_role("dialog", name="Replace the photograph?")
    check_accessible(page)
    replace.get_by_role("button", name="Keep it").click()
    expect(page.get_by_role("button", name="Edit details")).to_be_visible()
    page.get_by_role("button", name="Coffee", exact=True).click()
    replace.get_by_role("button", name="Replace").click()
    expect(page.get_by_role("button", name="Keep details")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("button", name="Edit details")).to_be_visible()


def test_a_picture_over_the_limit_is_scaled_down(page: Page) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (600, 800, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "PNG")
    assert len(buffer.getvalue()) > 1_000_000
    drop(page, '[data-field="content"]', ("noise.png", buffer.getvalue()))
    expect(page.locator('[data-field="content"] .tile')).to_contain_text("Scaled to")
    expect(page.get_by_text("scaled down from 800 × 600 pixels")).to_be_visible()
    page.get_by_role("button", name="Swirls", exact=True).click()
    start(page, steps=1)
    heading(page, "Finished")


def test_variations_stand_together_and_can_be_compared(page: Page) -> None:
    choose_samples(page)
    one = start(page, steps=1)
    page.get_by_role("link", name="Create", exact=True).click()
    page.get_by_label("Strength value").fill("0.8")
    two = start(page, steps=1)
    heading(page, "Finished")
    page.get_by_role("link", name="Your pictures").click()
    cards = page.locator(".card")
    expect(cards).to_have_count(2)
    expect(cards.nth(0)).to_contain_text("cat and woodblock: strength 0.8")
    expect(cards.nth(1)).to_contain_text("cat and woodblock: strength 0.5")
    for box in cards.get_by_role("checkbox").all():
        box.check()
    shot(page, "25-chosen")
    check_accessible(page)
    page.get_by_role("link", name="Compare").click()
    heading(page, "Compare")
    assert page.url.endswith(f"#/compare/{two},{one}")
    figures = page.locator(".compared figure")
    expect(figures.locator("dt")).to_have_text(["Strength", "Strength"])
    expect(figures.locator("dd")).to_have_text(["0.8", "0.5"])
    for picture in figures.get_by_role("img").all():
        expect(picture).to_have_js_property("naturalWidth", 64)
    shot(page, "26-compared")
    check_accessible(page)


def test_one_of_four_small_pictures_is_painted_large(page: Page) -> None:
    choose_samples(page)
    page.get_by_label("Size value").fill("64")
    page.get_by_label("Steps value").fill("1")
    page.get_by_role("button", name="Strengths", exact=True).click()
    heading(page, "Compare")
    figures = page.locator(".compared figure")
    expect(figures.locator("dd")).to_have_text(["0.2", "0.4", "0.6", "0.8"])
    small = page.url.rsplit("/", 1)[1].split(",")
    shot(page, "30-four")
    check_accessible(page)
    for other in small[1:]:  # not to wait for them
        page.request.post(f"{page.url.split('#')[0]}jobs/{other}/cancel")
    # The four are posted at the same time: any of them may have been the first.
    assert job_of(page, f"{small[3]}?wait=60")["status"] in ("canceled", "succeeded")
    large = figures.nth(0).get_by_role("button", name="Make this one large")
    expect(large).to_be_enabled()
    large.click()
    page.wait_for_url(re.compile("#/jobs/"))
    made = job_of(page, page.url.rsplit("/", 1)[1])["params"]
    assert (made["strength"], made["size"], made["preset"]) == (0.2, 64, "balanced")
    assert job_of(page, small[0])["params"]["preset"] == "fast"


def test_one_click_paints_a_variation_of_a_finished_picture(page: Page) -> None:
    choose_samples(page)
    first = start(page, steps=1)
    heading(page, "Finished")
    shot(page, "28-variations")
    check_accessible(page)
    expected = {
        "Stronger": {"strength": 0.65, "size": 64, "color": "style"},
        "Larger": {"strength": 0.65, "size": 96, "color": "style"},
        "Photo’s colours": {"strength": 0.65, "size": 96, "color": "content"},
        "Weaker": {"strength": 0.5, "size": 96, "color": "content"},
    }
    sent: list[str] = []
    page.on(
        "request", lambda each: sent.append(each.post_data or "") if each.method == "POST" else None
    )
    seen = first
    for name, settings in expected.items():
        page.get_by_role("button", name=name, exact=True).click()
        expect(page).not_to_have_url(re.compile(seen))
        seen = page.url.rsplit("/", 1)[1]
        heading(page, "Finished")
        expect(page.get_by_role("button", name="Larger", exact=True)).to_be_visible()
        params = job_of(page, seen)["params"]
        assert {each: params[each] for each in settings} == settings
        assert params["init"] == ("content" if name == "Photo’s colours" else "image")
        expect(page.get_by_label("Before and after", exact=True)).to_be_visible()
    assert len(sent) == len(expected)
    assert not any("filename" in body for body in sent)
