"""Names that clients choose appear in no path, log line or header."""

from __future__ import annotations

import logging
import re
from urllib.parse import quote

import httpx
import pytest
from redis import Redis

from api.deps import Services
from core.jobs.job import new_job_id
from tests.api.intake.test_limits import form, send
from tests.api.problems import assert_problem
from tests.api.routes.test_jobs import CONTENT, STYLE, files, post
from tests.corpus.make import REFUSED

NAMES = [
    "../../etc/passwd", "..\\..\\boot.ini", "/etc/passwd", "a\0.png", "a\nSet-Cookie: x=1.png",
    "a\r\nX-Evil: 1.png", "\u202egnp.exe", "a\u2028b.png", "'; DROP TABLE jobs; --", "*", "%00",
    "${jndi:ldap://x}", "{0.__class__}", "x" * 2000, "photo.svg", "CON", "é\U0001f3a8.png",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_file_name_is_neither_stored_nor_logged_nor_returned(
    client: httpx.Client,
    services: Services,
    redis: Redis,
    caplog: pytest.LogCaptureFixture,
    name: str,
) -> None:
    caplog.set_level(logging.INFO)
    body = form(("content", CONTENT), ("style", STYLE), filename=name.replace('"', "%22"))
    answer = send(client, body, chunked=False)
    if answer.status_code != 202:  # a line break in a header makes the form invalid
        assert answer.status_code in (400, 422), answer.text
        return
    job_id = answer.json()["id"]
    record = " ".join(map(str, redis.hgetall(f"easel:job:{job_id}").values()))
    paths = [each.relative_to(services.settings.data_dir) for each in _files(services)]
    assert len(paths) >= 2, "the pictures are stored"
    logged = [str(each.__dict__) for each in caplog.records]
    headers = [f"{key}: {value}" for key, value in answer.headers.items()]
    for text in (record, answer.text, *map(str, paths), *logged, *headers):
        assert name not in text or len(name) < 4
    assert all(re.fullmatch(r"[0-9a-f]{64}|\W?lock\w*|\W?\w*", path.name) for path in paths)


def _files(services: Services) -> list:  # type: ignore[type-arg]
    return [each for each in services.settings.data_dir.rglob("*") if each.is_file()]


@pytest.mark.parametrize("name", [*NAMES, "easel:keys", "../jobs", new_job_id().upper()])
def test_an_invalid_job_id_is_not_found_and_appears_in_no_header(
    client: httpx.Client, name: str
) -> None:
    answer = client.get(f"/jobs/{quote(name, safe='')}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert not any(name in value for value in answer.headers.values())


@pytest.mark.parametrize("name", [*NAMES, "", "0", "-1", "9" * 400, "e30=", "W10="])
def test_an_invalid_cursor_is_refused(client: httpx.Client, name: str) -> None:
    answer = client.get("/jobs", params={"cursor": name})
    assert answer.status_code in (200, 422), answer.text
    if answer.status_code == 200:
        assert name in ("", "0", "-1") or answer.json()["items"] == []


def test_unknown_form_fields_are_named_only_in_json(client: httpx.Client) -> None:
    for name in NAMES:
        if not set('\0\r\n"') & set(name):
            body = form(("content", CONTENT), ("style", STYLE), (name, b"1"))
            answer = send(client, body, chunked=False)
            assert answer.status_code in (400, 422), answer.text
            assert not any(name in value for value in answer.headers.values() if len(name) > 3)


def test_malicious_files_are_refused_and_the_api_keeps_working(
    client: httpx.Client,
) -> None:
    for name, make in REFUSED.items():
        given = files(make())
        given[0] = ("content", (name, given[0][1][1]))
        problem = assert_problem(post(client, given), 422)
        assert [error["field"] for error in problem["errors"]] == ["content"], name
    assert post(client).status_code == 202
