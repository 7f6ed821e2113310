"""Many hosts, no shared disk: it is one service, whichever replica is asked."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from tests.faults.servers import PATIENCE_SECONDS
from tests.fleet.conftest import Service

#: What is each replica's own, or changes from moment to moment.
_OF_THE_MOMENT = ("/metrics", "/readyz")


def test_every_endpoint_answers_the_same_from_either_replica(either: Service) -> None:
    job = either.fleet.ended(either.one, either.fleet.post(either.one))
    assert job["status"] == "succeeded"
    paths = either.one.get("/openapi.json").json()["paths"]
    asked = []
    for path, operations in paths.items():
        if "get" not in operations or path.startswith(_OF_THE_MOMENT):
            continue
        asked.append(path)
        ours = either.one.get(path.format(job_id=job["id"]))
        theirs = either.other.get(path.format(job_id=job["id"]))
        assert ours.status_code == 200, (path, ours.text)
        assert told(ours, path) == told(theirs, path)
    assert {"/jobs", "/jobs/{job_id}", "/jobs/{job_id}/result", "/jobs/{job_id}/preview",
            "/jobs/{job_id}/events", "/jobs/{job_id}/links", "/version"} <= set(asked)  # fmt: skip


def told(answer: httpx.Response, path: str) -> object:
    """What must be the same."""
    if path.endswith("/links"):
        return sorted(answer.json())  # the links themselves are signed by the second
    content = answer.content
    if path.endswith("/events"):  # each replica estimates by itself when a job will be started
        content = re.sub(rb'"estimated_start_at":[^,]+', b"", content)
    return answer.status_code, answer.headers.get("etag"), content


def test_a_link_signed_by_one_replica_opens_at_the_other_without_a_key(either: Service) -> None:
    job = either.fleet.ended(either.one, either.fleet.post(either.one))
    links = either.one.get(job["links"]["signed"]).json()
    for name in ("result", "preview"):
        answer = httpx.get(str(either.other.base_url).rstrip("/") + links[name])
        assert answer.status_code == 200
        assert answer.content == either.one.get(job["links"][name]).content


def test_what_one_replica_deletes_is_gone_at_the_other(either: Service) -> None:
    job = either.fleet.ended(either.one, either.fleet.post(either.one))
    assert either.other.get(job["links"]["result"]).status_code == 200
    assert either.other.delete(job["links"]["self"]).status_code == 204
    for client in (either.one, either.other):
        for link in ("self", "result", "preview"):
            assert client.get(job["links"][link]).status_code == 404


def test_no_host_keeps_a_picture_on_its_disk(either: Service) -> None:
    either.fleet.ended(either.one, either.fleet.post(either.one))
    disks = either.fleet.folder / "disks"
    assert [path for path in disks.rglob("*") if path.is_file()] == []


def test_three_hosts_work_at_the_same_time(service: Service) -> None:
    service.fleet.ready(*service.workers)
    with service.fleet.held():
        jobs = [service.fleet.post(client) for client in (service.one, service.other, service.one)]
        for job in jobs:
            service.fleet.log.wait("job started", job_id=job["id"])
        for client in (service.one, service.other):
            until(client, "/readyz", lambda found: all(each["busy"] for each in found["workers"]))
            hosts = {each["id"].split(":")[0] for each in client.get("/readyz").json()["workers"]}
            assert hosts == {"aworker1", "aworker2", "aworker3"}
    assert {service.fleet.ended(service.one, job)["status"] for job in jobs} == {"succeeded"}


def test_events_reach_a_client_of_the_replica_that_did_not_take_the_job(service: Service) -> None:
    with service.fleet.held():
        job = service.fleet.post(service.one)
        with following(service.other, job) as events:
            seen = [next(events)["event"]]
            while "preview" not in seen:
                seen.append(next(events)["event"])
            preview = service.other.get(job["links"]["preview"])
            assert preview.headers["content-type"] == "image/jpeg"
            service.fleet.open_gate()
            rest = list(events)
    names = [*seen, *(event["event"] for event in rest)]
    assert names[:2] == ["queued", "started"]
    assert "progress" in names
    assert names[-1] == "succeeded"
    assert names.count("succeeded") == 1


def test_a_client_that_lost_one_replica_goes_on_at_the_other(service: Service) -> None:
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


def test_a_job_is_called_off_at_the_other_replica(service: Service) -> None:
    with service.fleet.held():
        job = service.fleet.post(service.one)
        service.fleet.log.wait("job started", job_id=job["id"])
        with following(service.one, job) as events:
            assert service.other.post(job["links"]["cancel"]).status_code == 200
            assert [event["event"] for event in events][-1] == "canceled"
    for client in (service.one, service.other):
        assert client.get(job["links"]["self"]).json()["status"] == "canceled"


def test_a_long_poll_at_the_other_replica_hears_of_the_end(service: Service) -> None:
    with service.fleet.held(), ThreadPoolExecutor() as threads:
        job = service.fleet.post(service.one)
        waiting = threads.submit(service.other.get, job["links"]["self"], params={"wait": 60})
        service.fleet.log.wait("job started", job_id=job["id"])
        service.fleet.open_gate()
        assert waiting.result().json()["status"] == "succeeded"


@pytest.mark.parametrize("at_once", [False, True], ids=["one after the other", "at once"])
def test_an_idempotency_key_holds_at_both_replicas(service: Service, at_once: bool) -> None:
    headers = {"Idempotency-Key": f"of the fleet {at_once}"}
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


def until(client: httpx.Client, path: str, well: Callable[[Any], bool]) -> None:
    """Ask until the answer is as it should be."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not well((answer := client.get(path)).json()):
        assert time.monotonic() < end, answer.text


@contextmanager
def following(
    client: httpx.Client, job: dict[str, Any], after: str | None = None
) -> Iterator[Iterator[dict[str, str]]]:
    """A job's events as they come; each has an ``event`` and an ``id``."""
    headers = {"Last-Event-ID": after} if after else {}
    with client.stream("GET", job["links"]["events"], headers=headers) as stream:
        yield _events(stream.iter_lines())


def _events(lines: Iterator[str]) -> Iterator[dict[str, str]]:
    event: dict[str, str] = {}
    for line in lines:
        if found := re.fullmatch("(event|id|data): (.*)", line):
            event[found[1]] = found[2]
        elif not line and event:
            yield event
            event = {}
