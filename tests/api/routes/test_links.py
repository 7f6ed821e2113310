"""Signed links, and conditional requests for pictures."""

from __future__ import annotations

import time
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from api.deps import Services
from core.errors import LinkExpired, LinkInvalid
from core.jobs.job import Job
from core.store.link_signing import LinkSigner
from tests.api.problems import assert_problem
from tests.api.routes.test_jobs import STYLE, claim, finish


@pytest.fixture
def job(services: Services, client: httpx.Client) -> Job:
    job = claim(services, client)
    finish(services, job, STYLE)
    return job


def signed(client: httpx.Client, job: Job) -> dict[str, str]:
    shown = client.get(f"/jobs/{job.id}").json()
    links: dict[str, str] = client.get(shown["links"]["signed"]).json()
    return links


def changed(url: str, path: str | None = None, **query: str) -> str:
    parts = urlsplit(url)
    parameters = {name: values[0] for name, values in parse_qs(parts.query).items()}
    return f"{path or parts.path}?{urlencode({**parameters, **query})}"


def test_a_signed_link_needs_no_key(client: httpx.Client, services: Services, job: Job) -> None:
    links = signed(client, job)
    services.store._redis.hset(f"easel:job:{job.id}", "owner", "another caller")
    assert client.get(f"/jobs/{job.id}/result").status_code == 404
    answer = client.get(links["result"])
    assert (answer.status_code, answer.content) == (200, STYLE)


def test_a_signed_link_is_valid_for_one_path_and_one_expiry_time(
    client: httpx.Client, services: Services, job: Job
) -> None:
    other = claim(services, client)
    finish(services, other, STYLE)
    link = signed(client, job)["result"]
    later = str(int(parse_qs(urlsplit(link).query)["expires"][0]) + 1)
    for bad in (
        changed(link, expires=later),
        changed(link, signature="x"),
        changed(link, signature=""),
        changed(link, signature="é"),
        changed(link, path=f"/jobs/{other.id}/result"),
        changed(signed(client, job)["preview"], path=f"/jobs/{job.id}/result"),
    ):
        assert_problem(client.get(bad), 403, "link_invalid")
    # The link grants access to the picture only.
    query = urlsplit(link).query
    services.store._redis.hset(f"easel:job:{job.id}", "owner", "another caller")
    assert_problem(client.get(f"/jobs/{job.id}?{query}"), 404, "job_not_found")
    assert_problem(client.delete(f"/jobs/{job.id}?{query}"), 404, "job_not_found")


def test_a_signed_link_lets_an_event_source_follow_the_job(
    client: httpx.Client, services: Services, job: Job
) -> None:
    links = signed(client, job)
    services.store._redis.hset(f"easel:job:{job.id}", "owner", "another caller")
    assert client.get(f"/jobs/{job.id}/events").status_code == 404
    answer = client.get(links["events"])
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert "event: succeeded" in answer.text
    borrowed = changed(links["preview"], path=f"/jobs/{job.id}/events")
    assert_problem(client.get(borrowed), 403, "link_invalid")


def test_a_signed_link_expires(
    client: httpx.Client, services: Services, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    links = client.get(f"/jobs/{job.id}/links", params={"expires_in": 60}).json()
    assert client.get(links["result"]).status_code == 200
    late = time.time() + 61
    monkeypatch.setattr("core.store.link_signing.time.time", lambda: late)
    problem = assert_problem(client.get(links["result"]), 403, "link_expired")
    assert "expired at" in problem["detail"]


def test_all_processes_share_the_signing_key(services: Services) -> None:
    redis = services.store._redis
    expires, signature = parts(LinkSigner(redis).sign("/a", 60))
    LinkSigner(redis).check("/a", expires, signature)
    past = parts(LinkSigner(redis).sign("/a", -1))
    with pytest.raises(LinkExpired):
        LinkSigner(redis).check("/a", *past)
    redis.delete("easel:link-key")
    with pytest.raises(LinkInvalid):
        LinkSigner(redis).check("/a", expires, signature)


def parts(link: str) -> tuple[int, str]:
    query = parse_qs(urlsplit(link).query)
    return int(query["expires"][0]), query["signature"][0]


@pytest.mark.parametrize("seconds", ["0", "86401", "x"])
def test_a_link_is_valid_for_at_most_one_day(client: httpx.Client, job: Job, seconds: str) -> None:
    answer = client.get(f"/jobs/{job.id}/links", params={"expires_in": seconds})
    assert assert_problem(answer, 422)["errors"][0]["field"] == "expires_in"


@pytest.mark.parametrize(
    ("if_none_match", "status"),
    [
        ("{etag}", 304),
        ("W/{etag}", 304),
        ('"x", {etag}', 304),
        ("*", 304),
        ('"x"', 200),
        ("x", 200),
    ],
)
def test_a_matching_etag_of_a_picture_responds_304(
    client: httpx.Client, job: Job, if_none_match: str, status: int
) -> None:
    url = f"/jobs/{job.id}/result"
    whole = client.get(url)
    etag = whole.headers["etag"]
    answer = client.get(url, headers={"If-None-Match": if_none_match.format(etag=etag)})
    assert (answer.status_code, answer.headers["etag"]) == (status, etag)
    assert answer.content == (b"" if status == 304 else whole.content)
    assert answer.headers["cache-control"] == whole.headers["cache-control"]
