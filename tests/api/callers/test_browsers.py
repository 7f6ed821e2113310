"""Browsers without API keys: the cookie of the page, and whose jobs are whose."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.cookies import SimpleCookie

import httpx

from api.callers.browsers import COOKIE
from api.deps import Services
from core.store.api_keys import KeyStore
from tests.api.callers.requests import bearer, create
from tests.api.conftest import serving
from tests.api.intake.test_admission import limited
from tests.api.problems import assert_problem
from tests.api.routes.test_jobs import claim, finish, post


@contextmanager
def browser(server: httpx.Client) -> Iterator[httpx.Client]:
    """A browser that has opened the page."""
    with httpx.Client(base_url=server.base_url) as client:
        client.get("/").raise_for_status()
        yield client


def with_token(server: httpx.Client, token: str) -> httpx.Client:
    return httpx.Client(base_url=server.base_url, cookies={COOKIE: token})


def cookie_of(answer: httpx.Response) -> SimpleCookie:
    return SimpleCookie(answer.headers.get("set-cookie", ""))


def listed(client: httpx.Client) -> list[str]:
    return [job["id"] for job in client.get("/jobs").json()["items"]]


def test_the_page_sets_a_random_cookie_once(client: httpx.Client) -> None:
    with httpx.Client(base_url=client.base_url) as one:
        answer = one.get("/")
        cookie = cookie_of(answer)[COOKIE]
        assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/")
        assert not cookie["secure"]
        assert answer.headers["cache-control"] == "private, no-cache"
        assert COOKIE not in cookie_of(one.get("/"))
    assert cookie_of(client.get("/"))[COOKIE].value != cookie.value


def test_the_cookie_is_sent_over_https_only_if_the_page_is(services: Services) -> None:
    with serving(limited(services, public_url="https://easel.example")) as client:
        assert cookie_of(client.get("/"))[COOKIE]["secure"]


def test_each_browser_sees_what_it_posted(client: httpx.Client) -> None:
    with browser(client) as anna, browser(client) as ben:
        job = post(anna).json()
        assert listed(anna) == [job["id"]]
        assert listed(ben) == []
        for method, path in (
            ("GET", ""), ("GET", "/events"), ("GET", "/losses"), ("GET", "/links"),
            ("POST", "/cancel"), ("DELETE", ""),
        ):  # fmt: skip
            assert_problem(ben.request(method, f"/jobs/{job['id']}{path}"), 404, "job_not_found")
        assert_problem(client.get(f"/jobs/{job['id']}"), 404, "job_not_found")
        assert anna.delete(f"/jobs/{job['id']}").status_code == 204


def test_pictures_and_links_work_in_the_browser_that_owns_them(
    client: httpx.Client, services: Services
) -> None:
    with browser(client) as anna, browser(client) as ben:
        job = claim(services, anna)
        finish(services, job, b"picture")
        assert anna.get(f"/jobs/{job.id}/result").content == b"picture"
        assert_problem(ben.get(f"/jobs/{job.id}/result"), 404, "job_not_found")
        link = anna.get(f"/jobs/{job.id}/links").json()["result"]
        assert ben.get(link).content == b"picture"


def test_callers_without_a_cookie_share_their_jobs_with_all_who_know_the_id(
    client: httpx.Client,
) -> None:
    job = post(client).json()
    with httpx.Client(base_url=client.base_url) as other, browser(client) as anna:
        assert listed(other) == [job["id"]]
        assert listed(anna) == []
        assert anna.get(f"/jobs/{job['id']}").json()["id"] == job["id"]


def test_a_program_can_bring_a_token_of_its_own(client: httpx.Client) -> None:
    for token in ("a" * 32, "b" * 64):
        with with_token(client, token) as program:
            assert listed(program) == []
            job = post(program).json()
            assert listed(program) == [job["id"]]
    assert listed(client) == []
    with with_token(client, "guess") as program:  # too short to be a secret
        job = post(program).json()
    assert listed(client) == [job["id"]]


def test_a_shared_gallery_shows_every_job_to_all(services: Services) -> None:
    with serving(limited(services, shared_gallery=True)) as client:
        assert COOKIE not in cookie_of(client.get("/"))
        with with_token(client, "a" * 32) as program:
            job = post(program).json()
        assert listed(client) == [job["id"]]


def test_a_key_counts_more_than_a_cookie(services: Services, keys: KeyStore) -> None:
    _, key = keys.create("alice")
    with serving(limited(services, allow_anonymous=True)) as client:
        shared = post(client).json()
        job = create(client, key).json()
        with browser(client) as anna:
            assert_problem(anna.get(f"/jobs/{job['id']}"), 404, "job_not_found")
            shown = anna.get(f"/jobs/{job['id']}", headers=bearer(key))
            assert shown.json()["id"] == job["id"]
            hidden = anna.get(f"/jobs/{shared['id']}", headers=bearer(key))
            assert_problem(hidden, 404, "job_not_found")


def test_no_cookie_is_set_where_keys_are_required(services: Services) -> None:
    with serving(limited(services, require_keys=True)) as client:
        assert COOKIE not in cookie_of(client.get("/"))


def test_browsers_share_the_webhook_secret_of_callers_without_keys(client: httpx.Client) -> None:
    with browser(client) as anna:
        secret = anna.get("/webhooks/secret").json()
    assert secret == client.get("/webhooks/secret").json()
