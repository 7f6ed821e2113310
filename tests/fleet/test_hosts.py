"""Many hosts without a shared disk act as one service, whichever replica responds."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from tests.fleet.conftest import RunningFleet
from tests.service.servers import PATIENCE_SECONDS

#: Paths whose responses depend on the replica or on the moment.
_VOLATILE = ("/metrics", "/readyz")


def test_every_endpoint_responds_alike_on_both_replicas(either: RunningFleet) -> None:
    job = either.fleet.ended(either.one, either.fleet.post(either.one))
    assert job["status"] == "succeeded"
    batch = either.fleet.batch(either.one)
    ids = {"job_id": job["id"], "batch_id": batch["id"]}
    paths = either.one.get("/openapi.json").json()["paths"]
    requested = set()
    for path, operations in paths.items():
        if "get" not in operations or path.startswith(_VOLATILE):
            continue
        requested.add(path)
        first, second = (client.get(path.format(**ids)) for client in (either.one, either.other))
        assert first.status_code == 200, (path, first.text)
        assert comparable(first, path) == comparable(second, path)
    assert {"/jobs", "/jobs/{job_id}", "/jobs/{job_id}/result", "/jobs/{job_id}/preview",
            "/jobs/{job_id}/events", "/jobs/{job_id}/links", "/version",
            "/batches/{batch_id}", "/batches/{batch_id}/result"} <= requested  # fmt: skip


def comparable(response: httpx.Response, path: str) -> object:
    """Return what must be equal in the responses of both replicas."""
    if path.endswith("/links"):
        return sorted(response.json())  # the signatures depend on the second
    content = response.content
    if path.endswith("/events"):  # each replica estimates by itself when and why a job waits
        content = re.sub(rb'"estimated_start_at":[^,]+|"waiting":(null|{[^}]*})', b"", content)
    return response.status_code, response.headers.get("etag"), content


def test_a_link_signed_by_one_replica_is_valid_on_the_other(either: RunningFleet) -> None:
    job = either.fleet.ended(either.one, either.fleet.post(either.one))
    links = either.one.get(job["links"]["signed"]).json()
    for name in ("result", "preview"):
        response = httpx.get(str(either.other.base_url).rstrip("/") + links[name])
        assert response.status_code == 200
        assert response.content == either.one.get(job["links"][name]).content


def test_a_job_deleted_on_one_replica_is_deleted_on_the_other(either: RunningFleet) -> None:
    job = either.fleet.ended(either.one, either.fleet.post(either.one))
    assert either.other.get(job["links"]["result"]).status_code == 200
    assert either.other.delete(job["links"]["self"]).status_code == 204
    for client in (either.one, either.other):
        for link in ("self", "result", "preview"):
            assert client.get(job["links"][link]).status_code == 404


def test_no_host_keeps_a_file_on_its_disk(either: RunningFleet) -> None:
    either.fleet.ended(either.one, either.fleet.post(either.one))
    disks = either.fleet.folder / "disks"
    assert [path for path in disks.rglob("*") if path.is_file()] == []


def test_three_workers_run_jobs_at_the_same_time(service: RunningFleet) -> None:
    service.fleet.ready(*service.workers)
    with service.fleet.held():
        jobs = [service.fleet.post(client) for client in (service.one, service.other, service.one)]
        for job in jobs:
            service.fleet.log.wait("job started", job_id=job["id"])
        for client in (service.one, service.other):
            wait_until(
                client, "/readyz", lambda ready: all(each["busy"] for each in ready["workers"])
            )
            hosts = {each["id"].split(":")[0] for each in client.get("/readyz").json()["workers"]}
            assert hosts == {"aworker1", "aworker2", "aworker3"}
    assert {service.fleet.ended(service.one, job)["status"] for job in jobs} == {"succeeded"}


def test_events_reach_a_client_of_the_replica_that_did_not_accept_the_job(
    service: RunningFleet,
) -> None:
    with service.fleet.held():
        job = service.fleet.post(service.one)
        with following(service.other, job) as events:
            names = [next(events)["event"]]
            while "preview" not in names:
                names.append(next(events)["event"])
            preview = service.other.get(job["links"]["preview"])
            assert preview.headers["content-type"] == "image/jpeg"
            service.fleet.open_gate()
            names += [event["event"] for event in events]
    assert names[:2] == ["queued", "started"]
    assert "progress" in names
    assert names[-1] == "succeeded"
    assert names.count("succeeded") == 1


def test_a_client_can_resume_an_event_stream_on_the_other_replica(service: RunningFleet) -> None:
    with service.fleet.held():
        job = service.fleet.post(service.one)
        with following(service.one, job) as events:
            first, second = next(events), next(events)
        with following(service.other, job, after=second["id"]) as events:
            service.fleet.open_gate()
            rest = list(events)
    assert [first["event"], second["event"]] == ["queued", "started"]
    assert rest[-1]["event"] == "succeeded"
    assert not {"queued", "started"} & {event["event"] for event in rest}
    with following(service.one, job, after=rest[-1]["id"]) as events:
        assert list(events) == []


def test_a_job_can_be_cancelled_on_the_other_replica(service: RunningFleet) -> None:
    with service.fleet.held():
        job = service.fleet.post(service.one)
        service.fleet.log.wait("job started", job_id=job["id"])
        with following(service.one, job) as events:
            assert service.other.post(job["links"]["cancel"]).status_code == 200
            assert [event["event"] for event in events][-1] == "canceled"
    for client in (service.one, service.other):
        assert client.get(job["links"]["self"]).json()["status"] == "canceled"


def test_a_long_poll_on_the_other_replica_returns_when_the_job_ends(service: RunningFleet) -> None:
    with service.fleet.held(), ThreadPoolExecutor() as threads:
        job = service.fleet.post(service.one)
        poll = threads.submit(service.other.get, job["links"]["self"], params={"wait": 60})
        service.fleet.log.wait("job started", job_id=job["id"])
        service.fleet.open_gate()
        assert poll.result().json()["status"] == "succeeded"


@pytest.mark.parametrize("at_once", [False, True], ids=["one after the other", "at once"])
def test_an_idempotency_key_is_valid_on_both_replicas(service: RunningFleet, at_once: bool) -> None:
    headers = {"Idempotency-Key": f"fleet {at_once}"}
    clients = (service.one, service.other)
    if at_once:
        with ThreadPoolExecutor() as threads:
            jobs = list(
                threads.map(lambda each: service.fleet.post(each, headers=headers), clients)
            )
    else:
        jobs = [service.fleet.post(each, headers=headers) for each in clients]
    assert jobs[0]["id"] == jobs[1]["id"]
    listed = service.other.get("/jobs").json()["items"]
    assert [item["id"] for item in listed].count(jobs[0]["id"]) == 1
    assert service.fleet.ended(service.other, jobs[0])["status"] == "succeeded"


def wait_until(client: httpx.Client, path: str, condition: Callable[[Any], bool]) -> None:
    """Poll a path until its response meets a condition."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition((response := client.get(path)).json()):
        assert time.monotonic() < end, response.text


@contextmanager
def following(
    client: httpx.Client, job: dict[str, Any], after: str | None = None
) -> Iterator[Iterator[dict[str, str]]]:
    """Follow a job's events as they arrive; each has an ``event`` and an ``id``."""
    headers = {"Last-Event-ID": after} if after else {}
    with client.stream("GET", job["links"]["events"], headers=headers) as stream:
        yield _events(stream.iter_lines())


def _events(lines: Iterator[str]) -> Iterator[dict[str, str]]:
    event: dict[str, str] = {}
    for line in lines:
        if field := re.fullmatch("(event|id|data): (.*)", line):
            event[field[1]] = field[2]
        elif not line and event:
            yield event
            event = {}
