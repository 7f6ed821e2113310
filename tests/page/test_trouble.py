"""The page while something else does not work: the connection, the server, a library."""

from __future__ import annotations

from playwright.sync_api import Page, Route, expect

from tests.acceptance.conftest import Service
from tests.page.conftest import shot
from tests.page.steps import check_accessible, choose_samples, heading, start


def test_a_page_that_never_reached_the_server_claims_nothing(page: Page, errors: list[str]) -> None:
    page.route("**/events", lambda route: route.abort("connectionrefused"))
    page.evaluate("location.hash = '#/jobs/01a2034d-a0dd-75cf-ba55-f08cc12def8b'")
    heading(page, "No connection")
    expect(page.get_by_text("Nothing is known about this picture yet.")).to_be_visible()
    shot(page, "21-unreached")
    check_accessible(page)
    assert all("Failed to load resource" in error for error in errors)
    errors.clear()


def test_an_upload_whose_answer_is_lost_creates_one_job(
    page: Page, service: Service, errors: list[str]
) -> None:
    jobs: list[str] = []

    def lose_the_answer(route: Route) -> None:
        jobs.append(route.fetch().json()["id"])
        route.abort("connectionreset")

    page.route("**/jobs", lose_the_answer, times=1)
    choose_samples(page)
    page.get_by_label("Size value").fill("64")
    page.get_by_label("Steps value").fill("1")
    page.get_by_role("button", name="Paint", exact=True).click()
    expect(page.get_by_text("Cannot reach the server")).to_be_visible()
    page.get_by_role("button", name="Paint", exact=True).click()
    page.wait_for_url(f"**/#/jobs/{jobs[0]}")
    assert all("Failed to load resource" in error for error in errors)
    errors.clear()


def test_a_chart_that_cannot_be_loaded_is_replaced_by_words(page: Page, errors: list[str]) -> None:
    page.route("**/uPlot.esm.js", lambda route: route.abort("connectionreset"))
    choose_samples(page)
    start(page, steps=2)
    heading(page, "Finished")
    expect(page.get_by_text("The chart could not be loaded.")).to_be_visible()
    assert all("Failed to load resource" in error for error in errors)
    errors.clear()


def test_pictures_that_could_not_be_listed_are_listed_on_request(
    page: Page, errors: list[str]
) -> None:
    page.route("**/jobs?*", lambda route: route.abort("connectionrefused"), times=1)
    page.get_by_role("link", name="Your pictures").click()
    expect(page.get_by_text("Cannot reach the server")).to_be_visible()
    check_accessible(page)
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_text("No pictures yet")).to_be_visible()
    assert all("Failed to load resource" in error for error in errors)
    errors.clear()
