"""Redis does not reply to the API."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from core.store.api_keys import FRESH_SECONDS
from tests.api.problems import assert_problem
from tests.faults.conftest import Proxied, Row
from tests.service.cluster import Cluster

#: More than the thread pool of the API has threads.
POLLS = 50


def test_a_redis_that_hangs_delays_no_health_check_and_no_poll_for_long(
    proxied: Proxied, no_worker: Cluster, row: Row
) -> None:
    row(
        "R14",
        f"Redis does not reply while {POLLS} clients poll",
        "`/healthz` responds at once, and every poll gets a 503 within 10 s",
        "from the first reply of Redis until a poll is answered",
    )
    http, job_id = no_worker.http, no_worker.post()
    proxied.api_wire.open.clear()
    time.sleep(FRESH_SECONDS)  # then the API has to read its keys again
    with ThreadPoolExecutor(POLLS) as pool:
        began, slowest = time.monotonic(), 0.0
        polls = [pool.submit(http.get, f"/jobs/{job_id}") for _ in range(POLLS)]
        while not all(poll.done() for poll in polls):
            asked = time.monotonic()
            assert http.get("/healthz").status_code == 200
            slowest = max(slowest, time.monotonic() - asked)
            time.sleep(0.05)
        assert time.monotonic() - began < 10
        assert slowest < 2, "a health check waited for Redis"
        for poll in polls:
            assert_problem(poll.result(), 503, "service_unavailable")
    proxied.api_wire.open.set()
    row.begin()
    while http.get(f"/jobs/{job_id}").status_code == 503:
        time.sleep(0.05)
    assert row.recovered() < 5
    http.post(f"/jobs/{job_id}/cancel").raise_for_status()
