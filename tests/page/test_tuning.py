"""The live draft of the form; changing a job while it runs, and keeping what it has painted."""

from __future__ import annotations

from playwright.sync_api import Page, Request, Route, expect

from tests.page.conftest import shot
from tests.page.steps import check_accessible, choose_samples, heading, job_of, start


def preview_of(page: Page) -> str:
    source = page.locator(".progress-picture img[alt='Preview']").get_attribute("src")
    assert source
    return source


def test_a_slider_changes_the_picture_in_mid_run_and_the_rest_is_kept(page: Page) -> None:
    choose_samples(page)
    job = start(page, steps=5000)
    heading(page, "Painting")
    expect(page.locator(".progress-picture img[alt='Preview']")).to_be_visible()
    slider = page.get_by_role("slider", name="Strength")
    expect(slider).to_have_value("0.5")
    slider.fill("0.9")
    expect(page.get_by_role("button", name="Undo last change")).to_be_visible()
    assert job_of(page, job)["params"]["strength"] == 0.9
    shot(page, "27-tuned")
    check_accessible(page)
    page.get_by_role("button", name="Undo last change").click()
    expect(slider).to_have_value("0.5")
    page.get_by_role("button", name="Stop here and keep").click()
    heading(page, "Finished")
    expect(page.locator(".pair img").first).to_be_visible()
    kept = job_of(page, job)
    assert kept["status"] == "succeeded"
    assert kept["metrics"]["steps"] < 5000
    changes = [edit["params"]["strength"] for edit in kept["edits"] if "strength" in edit["params"]]
    assert changes == [0.5, 0.9, 0.5]


def is_draft(sent: Request) -> bool:
    return b'name="draft"' in (sent.post_data_buffer or b"")


def test_a_live_draft_follows_the_form_until_the_user_leaves(page: Page) -> None:
    choose_samples(page)
    page.get_by_role("checkbox", name="Live draft").check()
    page.get_by_role("link", name="Your pictures").click()  # before the draft is posted
    page.get_by_role("link", name="Create", exact=True).click()
    picture = page.get_by_role("img", name="A small draft of the picture")
    expect(picture).to_be_visible()
    before = picture.get_attribute("src")
    assert before
    draft = page.request.get(f"{page.url.split('#')[0]}jobs?drafts=true").json()["items"][0]
    assert draft["params"]["size"] <= 192
    drafts: list[Request] = []
    page.on("request", lambda sent: drafts.append(sent) if is_draft(sent) else None)
    page.get_by_role("button", name="Woodblock", exact=True).click()  # the same painting again
    with page.expect_response(lambda answer: answer.request.method == "PATCH") as changed:
        page.get_by_label("Strength value").fill("0.9")
    assert changed.value.json()["params"]["strength"] == 0.9
    assert drafts == []
    expect(picture).not_to_have_attribute("src", before)
    shot(page, "31-live")
    check_accessible(page)
    with page.expect_response(lambda answer: answer.url.endswith("/cancel")):
        page.get_by_role("link", name="Your pictures").click()
    assert job_of(page, f"{draft['id']}?wait=60")["status"] == "canceled"


def test_one_live_draft_is_left_when_a_setting_is_changed_and_changed_back(page: Page) -> None:
    def posted(request: Request) -> bool:  # and not just validated
        return request.url.endswith("/jobs") and "idempotency-key" in request.headers

    choose_samples(page)
    held: list[Route] = []
    page.route(
        "**/jobs",
        lambda route: held.append(route) if posted(route.request) else route.continue_(),
    )
    with page.expect_request(posted):
        page.get_by_role("checkbox", name="Live draft").check()
    for size in ("256", "512"):
        with page.expect_request(posted):
            page.get_by_label("Size value").fill(size)
    for out_of_date in held[:2]:
        with page.expect_response(lambda answer: answer.url.endswith("/cancel")):
            out_of_date.continue_()
    held[2].continue_()
    expect(page.get_by_role("img", name="A small draft of the picture")).to_be_visible()
    with page.expect_response(lambda answer: answer.url.endswith("/cancel")):
        page.get_by_role("link", name="Your pictures").click()
