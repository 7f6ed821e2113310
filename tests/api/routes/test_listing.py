"""The list of a caller's jobs, its pages and its filter."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from redis import Redis

from api.deps import Services
from core.jobs.admission import Admission
from core.jobs.job import RETENTION, TOMBSTONE, Failure, Inputs, Metrics, Picture
from core.jobs.status import JobStatus
from core.params import StyleParams
from core.upkeep.cleaner import Cleaner
from tests.api.problems import assert_problem
from tests.conftest import some_progress

PICTURE = Picture(sha256="a" * 64, media_type="image/png", size_bytes=1)
INPUTS = Inputs(content=PICTURE, styles=(PICTURE,))


def make(services: Services, owner: str = "anonymous") -> str:
    terms = Admission(caller=owner, owner=owner, max_queue=10**6, max_jobs_per_caller=10**6)
    return services.store.create(StyleParams(size=64), INPUTS, terms).id


def walk(client: httpx.Client, **query: Any) -> list[dict[str, Any]]:
    """Return the jobs of all pages."""
    items: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = client.get("/jobs", params={**query, **cursor}).json()
        items += page["items"]
        if page["next_cursor"] is None:
            return items
        cursor = {"cursor": page["next_cursor"]}


def test_the_list_is_empty_at_first(client: httpx.Client) -> None:
    assert client.get("/jobs").json() == {"items": [], "next_cursor": None}


@pytest.mark.parametrize("limit", [1, 3, 6, 7, 100])
def test_pages_of_any_length_show_every_job_once_newest_first(
    client: httpx.Client, services: Services, limit: int
) -> None:
    created = [make(services) for _ in range(6)]
    make(services, "another caller")
    listed = walk(client, limit=limit)
    assert [job["id"] for job in listed] == created[::-1]
    assert listed[-1] == client.get(f"/jobs/{created[0]}").json()
    assert [job["queue_position"] for job in listed][-1] == 0


def test_the_status_filter_follows_every_transition(
    client: httpx.Client, services: Services
) -> None:
    store = services.store

    def ids(*states: str) -> list[str]:
        return [job["id"] for job in walk(client, status=list(states), limit=2)]

    first, second, third, fourth = (make(services) for _ in range(4))
    claimed = [store.claim(each) for each in (first, second, third)]
    assert (ids("queued"), ids("running")) == ([fourth], [third, second, first])
    one, two, three = (each for each in claimed if each is not None)
    store.succeed(one, PICTURE, some_progress(), Metrics(optimize_seconds=1, device="cpu"))
    store.fail(two, Failure(code="x", message="x", retryable=False))
    store.hand_back(three)
    store.cancel(fourth)
    assert [ids(state) for state in JobStatus] == [[third], [], [first], [second], [fourth]]
    assert ids("succeeded", "queued") == [third, first]
    assert ids() == [fourth, third, second, first]


def test_paging_returns_every_initial_job_despite_changes(
    client: httpx.Client, services: Services
) -> None:
    created = [make(services) for _ in range(30)]
    page = client.get("/jobs", params={"limit": 10}).json()
    seen = [job["id"] for job in page["items"]]
    make(services)  # comes: it is newer than the beginning
    services.store.claim(created[5])  # changes its status
    services.store.delete(created[20])  # the job of the cursor
    while page["next_cursor"]:
        page = client.get("/jobs", params={"limit": 10, "cursor": page["next_cursor"]}).json()
        seen += [job["id"] for job in page["items"]]
    assert seen == created[::-1]


def test_the_list_is_exact_under_concurrent_writes(
    client: httpx.Client, services: Services
) -> None:
    def live(number: int) -> str:
        job_id = make(services)
        if number % 3 == 0:
            services.store.claim(job_id)
        if number % 3 == 1:
            services.store.delete(job_id)
        return job_id

    with ThreadPoolExecutor(8) as pool:
        created = list(pool.map(live, range(60)))
    kept = {each for number, each in enumerate(created) if number % 3 != 1}
    running = {each for number, each in enumerate(created) if number % 3 == 0}
    assert {job["id"] for job in walk(client, limit=7)} == kept
    assert {job["id"] for job in walk(client, limit=7, status="running")} == running


def test_a_removed_record_leaves_the_list(
    client: httpx.Client, services: Services, redis: Redis
) -> None:
    removed, kept = make(services), make(services)
    for each in (removed, kept):
        services.store.cancel(each)
    long = RETENTION + TOMBSTONE
    redis.hincrbyfloat(f"easel:job:{removed}", "finished_at", -long.total_seconds())
    Cleaner(redis, services.blobs).sweep()
    assert [job["id"] for job in walk(client)] == [kept]
    # The other keys of the job are removed with its record.
    assert all(removed not in str(redis.zrange(key, 0, -1)) for key in redis.keys("easel:owned:*"))
    assert removed not in str(redis.zrange("easel:held", 0, -1))


@pytest.mark.parametrize(
    ("query", "bad"),
    [
        ({"status": "done"}, "status"),
        ({"limit": 0}, "limit"),
        ({"limit": 101}, "limit"),
        ({"limit": "x"}, "limit"),
        ({"cursor": ""}, "cursor"),
        ({"cursor": "x"}, "cursor"),
        ({"cursor": "(01a202d6-98c4-775e-952b-a081813c8da6"}, "cursor"),
        ({"cursor": "Kw"}, "cursor"),
        ({"cursor": "é"}, "cursor"),
        ({"cursor": "01a202d6-98c4-775e-952b-a081813c8da6\n"}, "cursor"),
        ({"cursor": "01A202D6-98C4-775E-952B-A081813C8DA6"}, "cursor"),
    ],
)
def test_an_invalid_query_names_the_parameter(
    client: httpx.Client, query: dict[str, Any], bad: str
) -> None:
    problem = assert_problem(client.get("/jobs", params=query), 422, "invalid_request")
    (error,) = problem["errors"]
    assert error["field"] == bad
    assert str(query[bad]) in error["message"] or repr(query[bad]) in error["message"]
