"""Clients that wait while Redis goes away and comes back, or the api stops."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit

from api.deps import Services
from tests.api.conftest import serving
from tests.api.problems import assert_problem
from tests.api.routes.test_events import following, names, succeed
from tests.api.routes.test_jobs import post
from tests.service.proxy import Wire


def test_a_stream_survives_a_redis_outage_without_missing_events(services: Services) -> None:
    target = urlsplit(services.settings.redis_url).port
    assert target is not None
    wire = Wire(target)
    through_wire = services.settings.model_copy(
        update={"redis_url": f"redis://127.0.0.1:{wire.port}/0"}
    )
    with serving(replace(services, settings=through_wire)) as client:
        job_id = post(client).json()["id"]
        with following(client, job_id) as stream:
            assert stream.next().event == "queued"
            wire.close()
            job = services.store.claim(job_id)
            assert job is not None
            services.store.hand_back(job)
            assert_problem(client.get(f"/jobs/{job_id}?wait=1"), 503, "service_unavailable")
            wire = Wire(target, wire.port)
            missed = [stream.next(), stream.next()]
            job = services.store.claim(job_id)
            assert job is not None
            succeed(services, job)
            assert names([*missed, *stream.rest()]) == [
                *("started", "queued", "started", "succeeded")
            ]
    wire.close()


def test_streams_end_on_shutdown_and_continue_at_another_process(services: Services) -> None:
    one = serving(services)
    with one as client:
        job_id = post(client).json()["id"]
        with following(client, job_id) as stream:
            queued = stream.next()
            one.stop()
            assert stream.rest() == []
    services.store.cancel(job_id)
    with serving(services) as client, following(client, job_id, after=queued.id) as stream:
        assert names(stream.rest()) == ["canceled"]
