"""Names from strangers reach no path, no log line and no header; and what browsers are told."""

from __future__ import annotations

import base64
import logging
import re
from hashlib import sha256
from urllib.parse import quote

import httpx
import pytest
from redis import Redis

from api.deps import Services
from core.jobs.job import Job, new_job_id
from tests.api.intake.test_limits import form, send
from tests.api.problems import assert_problem
from tests.api.routes.test_jobs import CONTENT, STYLE, claim, files, finish, post
from tests.corpus.make import REFUSED

NAMES = [
    "../../etc/passwd", "..\\..\\boot.ini", "/etc/passwd", "a\0.png", "a\nSet-Cookie: x=1.png",
    "a\r\nX-Evil: 1.png", "\u202egnp.exe", "a\u2028b.png", "'; DROP TABLE jobs; --", "*", "%00",
    "${jndi:ldap://x}", "{0.__class__}", "x" * 2000, "photo.svg", "CON", "é\U0001f3a8.png",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_the_name_of_a_file_goes_nowhere(
    client: httpx.Client,
    services: Services,
    redis: Redis,
    caplog: pytest.LogCaptureFixture,
    name: str,
) -> None:
    caplog.set_level(logging.INFO)
    body = form(("content", CONTENT), ("style", STYLE), filename=name.replace('"', "%22"))
    answer = send(client, body, chunked=False)
    if answer.status_code != 202:  # what ends a header's line ends the form
        assert answer.status_code in (400, 422), answer.text
        return
    job_id = answer.json()["id"]
    kept = " ".join(map(str, redis.hgetall(f"easel:job:{job_id}").values()))
    paths = [each.relative_to(services.settings.data_dir) for each in _files(services)]
    told = [str(record.__dict__) for record in caplog.records]
    shown = [f"{key}: {value}" for key, value in answer.headers.items()]
    for text in (kept, answer.text, *map(str, paths), *told, *shown):
        assert name not in text or len(name) < 4
    assert all(re.fullmatch(r"[0-9a-f]{64}|\W?lock\w*|\W?\w*", path.name) for path in paths)


def _files(services: Services) -> list:  # type: ignore[type-arg]
    return [each for each in services.settings.data_dir.rglob("*") if each.is_file()]


@pytest.mark.parametrize("name", [*NAMES, "easel:keys", "../jobs", new_job_id().upper()])
def test_an_id_that_is_none_is_not_found_and_comes_back_in_no_header(
    client: httpx.Client, name: str
) -> None:
    answer = client.get(f"/jobs/{quote(name, safe='')}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert not any(name in value for value in answer.headers.values())


@pytest.mark.parametrize("name", [*NAMES, "", "0", "-1", "9" * 400, "e30=", "W10="])
def test_a_cursor_that_is_none_is_refused(client: httpx.Client, name: str) -> None:
    answer = client.get("/jobs", params={"cursor": name})
    assert answer.status_code in (200, 422), answer.text
    if answer.status_code == 200:
        assert name in ("", "0", "-1") or answer.json()["items"] == []


def test_strange_fields_are_named_in_json_and_nowhere_else(client: httpx.Client) -> None:
    for name in NAMES:
        if not set('\0\r\n"') & set(name):
            body = form(("content", CONTENT), ("style", STYLE), (name, b"1"))
            answer = send(client, body, chunked=False)
            assert answer.status_code in (400, 422), answer.text
            assert not any(name in value for value in answer.headers.values() if len(name) > 3)


def test_files_that_attackers_send_are_refused_over_http_and_the_api_goes_on(
    client: httpx.Client,
) -> None:
    for name, make in REFUSED.items():
        given = files(make())
        given[0] = ("content", (name, given[0][1][1]))
        problem = assert_problem(post(client, given), 422)
        assert [error["field"] for error in problem["errors"]] == ["content"], name
    assert post(client).status_code == 202


def test_every_answer_tells_browsers_to_run_load_and_frame_nothing(
    client: httpx.Client, services: Services
) -> None:
    job: Job = claim(services, client)
    finish(services, job, STYLE)
    for path in (f"/jobs/{job.id}/result", f"/jobs/{job.id}", "/jobs/none", "/nowhere", "/healthz"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff", path
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-frame-options"] == "DENY"
        assert "default-src 'none'; frame-ancestors 'none'" in headers["content-security-policy"]


def test_the_documentation_runs_its_own_program_and_no_other(client: httpx.Client) -> None:
    answer = client.get("/docs")
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    (script,) = re.findall(r"<script>(.*?)</script>", answer.text, re.DOTALL)
    digest = base64.b64encode(sha256(script.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in policy
    sources = re.findall(r'(?:src|href)="([^"]+)"', answer.text)
    assert len(sources) == 3
    for source in sources:
        assert client.get(f"/{source}").status_code == 200, source
