"""The first visit, the library, and the settings that are chosen by pictures."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from docs.figures import FIGURES
from tests.page.conftest import PATIENCE_MS, ROOT, shot
from tests.page.steps import check_accessible, choose_samples, expect_problem, heading, job_of


def test_one_click_paints_the_example(page: Page) -> None:
    shot(page, "22-first")
    check_accessible(page)
    example = page.get_by_role("region", name="Example")
    for picture in example.get_by_role("img").all():
        assert picture.evaluate("picture => picture.decode().then(() => picture.naturalWidth)") > 0
    example.get_by_role("button", name="Paint this example").click()
    page.wait_for_url(re.compile("#/jobs/"), timeout=PATIENCE_MS)
    params = job_of(page, page.url.rsplit("/", 1)[1])["params"]
    assert (params["preset"], params["size"]) == ("fast", 256)
    page.get_by_role("button", name="Cancel").click()
    heading(page, "Cancelled")


def test_the_example_can_be_hidden_for_good(page: Page) -> None:
    page.get_by_role("button", name="Hide the example").click()
    expect(page.get_by_role("region", name="Example")).to_have_count(0)
    page.reload()
    heading(page, "Turn a photograph into a painting")
    expect(page.get_by_role("region", name="Example")).to_have_count(0)


def test_the_library_has_every_style_of_the_samples_with_its_source(page: Page) -> None:
    names = {path.name for path in (ROOT / "samples/styles").glob("*.jpg")}
    assert len(names) >= 12
    library = page.get_by_role("group", name="Sample paintings")
    buttons = library.get_by_role("button").all()
    assert {button.get_attribute("data-sample") for button in buttons} == names
    for picture in page.locator(".sample img").all():
        assert picture.evaluate("picture => picture.decode().then(() => picture.naturalWidth)") > 0
    choose_samples(page)
    expect(page.locator('[data-field="content"] .tile')).to_contain_text("Stéfan van der Walt, CC0")
    expect(page.locator('[data-field="style"] .tile')).to_contain_text("Drawn for Easel, CC0")


def test_colours_and_presets_are_chosen_by_pictures(page: Page) -> None:
    for picture in page.locator(".picture-choice img").all():
        assert picture.evaluate("picture => picture.decode().then(() => picture.naturalWidth)") > 0
    page.get_by_label("Photo’s").check()
    expect(page.get_by_text("The photograph keeps its colours")).to_be_visible()
    page.get_by_label("Fast", exact=True).check()
    page.get_by_role("button", name="Copy as code").click()
    expect(page.locator("dialog code")).to_contain_text("preset=fast")
    expect(page.locator("dialog code")).to_contain_text("color=content")


def test_the_settings_are_grouped_searched_and_marked(page: Page) -> None:
    page.get_by_text("Advanced").click()
    groups = page.locator(".setting-group h3")
    expect(groups).to_have_text(
        ["Brushwork", "Likeness", "Start", "Calculation", "File", "For programs"]
    )
    start = page.get_by_label("Start from", exact=True)
    expect(start.locator("option")).to_have_text(
        ["The photograph", "Noise", "The painting", "A picture of yours"]
    )
    start.select_option("noise")
    field = page.locator('[data-field="init"]')
    expect(field).to_have_class(re.compile("changed"))
    expect(page.locator(".drawer .count")).to_have_text("1 changed")
    shot(page, "23-settings")
    check_accessible(page)
    search = page.get_by_role("searchbox", name="Search the settings")
    search.fill("webhook")
    expect(groups.locator("visible=true")).to_have_text(["For programs"])
    search.fill("no such thing")
    expect(page.get_by_text("No setting has this")).to_be_visible()
    check_accessible(page)
    # A setting with a problem is shown although the search hides it.
    page.get_by_role("button", name="Paint", exact=True).click()
    search.fill("")
    page.get_by_label("Learning rate", exact=True).fill("0")
    expect_problem(page, "learning_rate", "above 0")
    search.fill("webhook")
    page.get_by_role("button", name="Paint", exact=True).click()
    expect(page.get_by_label("Learning rate", exact=True)).to_be_visible()
    page.get_by_role("button", name="Reset start from").click()
    expect(field).not_to_have_class(re.compile("changed"))


def test_the_words_for_a_figure_name_each_of_its_pictures(page: Page) -> None:
    page.get_by_text("Advanced").click()
    counts = {figure.name: len(figure.variants) for figure in FIGURES}
    pictures = page.locator(".figure")
    assert pictures.count() > 10
    for picture in pictures.all():
        name = re.findall(r"/(\w+)\.webp", picture.get_attribute("src") or "")[0]
        words = (picture.get_attribute("alt") or "").partition(": ")[2]
        assert len(re.split(r", | and (?!large)", words.replace(", and", ","))) == counts[name], (
            words
        )
