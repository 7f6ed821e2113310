"""Range requests for results: parts of a picture, and downloads that go on."""

from __future__ import annotations

import httpx
import pytest

from api.deps import Services
from core.jobs.job import Job
from tests.api.problems import assert_problem
from tests.api.routes.test_jobs import claim, finish

#: Several pieces of the store, no two of them alike.
DATA = b"".join(number.to_bytes(4, "big") for number in range(30_000))
SIZE = len(DATA)


@pytest.fixture
def job(services: Services, client: httpx.Client) -> Job:
    job = claim(services, client)
    finish(services, job, DATA)
    return job


def get(client: httpx.Client, job: Job, **headers: str) -> httpx.Response:
    return client.get(
        f"/jobs/{job.id}/result",
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=32760-65540", 32_760, 65_540),
        (f"bytes={SIZE - 1}-", SIZE - 1, SIZE - 1),
        ("bytes=0-", 0, SIZE - 1),
        ("bytes=-10", SIZE - 10, SIZE - 1),
        (f"bytes=-{SIZE + 1}", 0, SIZE - 1),
        (f"bytes=7-{SIZE + 1000}", 7, SIZE - 1),
        ("Bytes = 5-9", 5, 9),
    ],
)
def test_a_range_gets_these_bytes_and_says_which(
    client: httpx.Client, job: Job, asked: str, first: int, last: int
) -> None:
    answer = get(client, job, Range=asked)
    assert answer.status_code == 206
    assert answer.content == DATA[first : last + 1]
    assert answer.headers["content-range"] == f"bytes {first}-{last}/{SIZE}"
    assert answer.headers["content-length"] == str(last - first + 1)
    whole = get(client, job)
    assert (whole.status_code, whole.headers["accept-ranges"]) == (200, "bytes")
    for name in ("etag", "content-type", "content-disposition", "cache-control"):
        assert answer.headers[name] == whole.headers[name]


@pytest.mark.parametrize("asked", [f"bytes={SIZE}-", f"bytes={SIZE}-{SIZE + 9}", "bytes=-0"])
def test_a_range_beyond_the_end_is_a_416_with_the_size(
    client: httpx.Client, job: Job, asked: str
) -> None:
    answer = get(client, job, Range=asked)
    problem = assert_problem(answer, 416, "range_not_satisfiable")
    assert answer.headers["content-range"] == f"bytes */{SIZE}"
    assert asked in problem["detail"]
    assert f"bytes 0 to {SIZE - 1}" in problem["detail"]


@pytest.mark.parametrize(
    "asked", ["bytes=9-5", "bytes=0-1,4-5", "bytes=", "bytes=-", "bytes=a-b", "lines=0-1", "0-1"]
)
def test_several_ranges_and_malformed_ones_get_the_whole_picture(
    client: httpx.Client, job: Job, asked: str
) -> None:
    answer = get(client, job, Range=asked)
    assert (answer.status_code, answer.content) == (200, DATA)


def test_if_range_sends_a_part_of_the_same_picture_only(client: httpx.Client, job: Job) -> None:
    etag = client.head(f"/jobs/{job.id}/result").headers["etag"]
    same = get(client, job, Range="bytes=10-", If_Range=etag)
    assert (same.status_code, same.content) == (206, DATA[10:])
    for other in ('"another"', f"W/{etag}", "Tue, 01 Dec 2026 12:00:00 GMT"):
        answer = get(client, job, Range="bytes=10-", If_Range=other)
        assert (answer.status_code, answer.content) == (200, DATA)


def test_a_matching_etag_counts_more_than_a_range(client: httpx.Client, job: Job) -> None:
    etag = get(client, job).headers["etag"]
    answer = get(client, job, Range="bytes=0-9", If_None_Match=etag)
    assert (answer.status_code, answer.content) == (304, b"")


def test_head_describes_the_whole_picture(client: httpx.Client, job: Job) -> None:
    answer = client.head(f"/jobs/{job.id}/result", headers={"Range": "bytes=0-9"})
    assert (answer.status_code, answer.headers["content-length"]) == (200, str(SIZE))


def test_a_download_that_was_cut_off_goes_on(client: httpx.Client, job: Job) -> None:
    whole = get(client, job)
    received = whole.content[:50_000]
    rest = get(client, job, Range=f"bytes={len(received)}-", If_Range=whole.headers["etag"])
    assert received + rest.content == DATA
