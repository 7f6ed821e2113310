"""The API under a path prefix, behind proxies that remove the prefix and proxies that keep it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest

from api.deps import Services
from core.errors import ServerRefused
from easel import Client, SubmittedJob
from tests.api.conftest import serving
from tests.api.problems import assert_problem
from tests.api.routes.test_jobs import CONTENT, files, finish
from tests.service.path_proxy import PathProxy

PREFIX = "/pictures/easel"


@pytest.fixture(
    params=["a setting, prefix kept", "a setting, prefix removed", "a header, prefix removed"]
)
def proxied(request: pytest.FixtureRequest, services: Services) -> Iterator[httpx.Client]:
    announced = request.param.startswith("a header")
    settings = services.settings.model_copy(update={"root_path": "" if announced else PREFIX})
    strip = request.param.endswith("removed")
    with (
        serving(replace(services, settings=settings)) as server,
        PathProxy(str(server.base_url), PREFIX, strip=strip, announce=announced) as proxy,
        httpx.Client(base_url=proxy.origin, timeout=30) as client,
    ):
        yield client


def test_every_link_leads_through_the_proxy(proxied: httpx.Client, services: Services) -> None:
    posted = proxied.post(f"{PREFIX}/jobs", files=files())
    assert posted.status_code == 202
    links = posted.json()["links"]
    assert posted.headers["location"] == links["self"]
    assert all(link.startswith(f"{PREFIX}/jobs/") for link in links.values())
    assert proxied.get(links["self"]).json()["links"] == links
    waited = proxied.get(links["self"], params={"wait": 0})
    assert waited.json()["links"] == links
    (listed,) = proxied.get(f"{PREFIX}/jobs").json()["items"]
    assert listed["links"] == links
    job = services.store.claim(posted.json()["id"])
    assert job is not None
    finish(services, job, CONTENT)
    events = proxied.get(links["events"]).text
    jobs = [json.loads(data) for data in re.findall("^data: (.*)$", events, re.MULTILINE)]
    assert [each["links"] for each in jobs] == [links] * len(jobs) != []
    signed = proxied.get(links["signed"]).json()
    for url in (links["result"], signed["result"]):
        assert proxied.get(url).content == CONTENT
    assert "succeeded" in proxied.get(signed["events"]).text
    forged = assert_problem(proxied.get(signed["result"] + "x"), 403, "link_invalid")
    assert forged["instance"] == links["result"]


def test_the_page_and_the_reference_load_everything_below_the_prefix(
    proxied: httpx.Client,
) -> None:
    for path in (f"{PREFIX}/", f"{PREFIX}/docs"):
        page = proxied.get(path)
        assert page.status_code == 200
        loaded = re.findall(r'(?:src|href)="([^"#:]+)"', page.text)
        assert loaded
        for url in loaded:
            assert proxied.get(page.url.join(url)).status_code == 200, url
    assert "url: 'openapi.json'" in proxied.get(f"{PREFIX}/docs").text
    servers = proxied.get(f"{PREFIX}/openapi.json").json()["servers"]
    assert servers == [{"url": PREFIX}]
    assert proxied.options(f"{PREFIX}/jobs").headers["allow"] == "GET, HEAD, POST, OPTIONS"


def test_the_command_line_works_with_a_prefix(proxied: httpx.Client, services: Services) -> None:
    client = Client(str(proxied.base_url.join(PREFIX)), patience=5)
    response = proxied.post(f"{PREFIX}/jobs", files=files())
    posted = SubmittedJob.model_validate_json(response.content)
    assert client.get(posted).id == posted.id
    assert client.cancel(posted).status == "canceled"
    assert [each.status for each in client.events(posted)][-1:] == ["canceled"]
    client.close()


def test_the_prefix_without_a_slash_leads_to_the_page(services: Services) -> None:
    settings = services.settings.model_copy(update={"root_path": PREFIX})
    with serving(replace(services, settings=settings)) as client:
        answer = client.get(PREFIX)
        assert (answer.status_code, answer.headers["location"]) == (308, f"{PREFIX}/")


@pytest.mark.parametrize("prefix", ["//evil.example", "/a b", "/a?b", "a", "/", "/<b>"])
def test_a_forwarded_prefix_that_is_no_path_is_ignored(client: httpx.Client, prefix: str) -> None:
    posted = client.post("/jobs", files=files(), headers={"X-Forwarded-Prefix": prefix})
    assert posted.headers["location"].startswith("/jobs/")


def test_the_prefix_of_an_untrusted_client_is_ignored(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    for trusted, expected in (("10.0.0.0/8, ::1", "/jobs/"), ("127.0.0.0/8", "/x/jobs/")):
        monkeypatch.setenv("FORWARDED_ALLOW_IPS", trusted)
        with serving(services) as client:
            headers = {"X-Forwarded-Prefix": "/x", "X-Forwarded-For": "127.0.0.1"}
            posted = client.post("/jobs", files=files(), headers=headers)
            assert posted.headers["location"].startswith(expected)


@pytest.mark.parametrize(
    ("status", "message"),
    [(413, "refuses uploads of this size (413"), (502, "does not respond to the proxy"),
     (403, "responded with 403")],
)  # fmt: skip
def test_the_command_line_explains_the_error_page_of_a_proxy(
    client: httpx.Client, status: int, message: str
) -> None:
    with PathProxy(str(client.base_url), PREFIX, strip=True, error=status) as proxy:
        command = Client(proxy.url, patience=0)
        with pytest.raises(ServerRefused, match=re.escape(message)):
            command.post({}, {}, "a key")
        command.close()
