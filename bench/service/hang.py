"""Redis hangs while clients poll: ``python -m bench.service.hang --minutes 5 --clients 200``.

The Valkey server is stopped with SIGSTOP, so that it accepts connections and does not reply.
Meanwhile the clients poll a job, each one second after its last response, and another one asks for
``/healthz``. Every poll must get a 503 within 10 s, ``/healthz`` must respond within half a second
in 99 of 100 cases, and once the server goes on, every client must have the job within 5 s.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import signal
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from bench.service.client import get
from tests.service.cluster import QUICK, Cluster

#: What is promised, in seconds.
_HEALTH_SECONDS, _POLL_SECONDS, _RECOVERY_SECONDS = 0.5, 10.0, 5.0

#: How long the run waits for the job to come back.
_PATIENCE_SECONDS = 60.0

#: The time between two polls of a client, and between two requests of ``/healthz``.
_PAUSE_SECONDS, _HEALTH_PAUSE_SECONDS = 1.0, 0.1


@dataclass(frozen=True)
class Answer:
    """A response, and when it was asked for and arrived, in monotonic seconds."""

    status: int
    asked: float
    arrived: float

    @property
    def seconds(self) -> float:
        """How long the client waited."""
        return self.arrived - self.asked


@dataclass(frozen=True)
class Hang:
    """When the server was stopped and went on, in monotonic seconds."""

    began: float
    ended: float


class Clients:
    """Clients of a service that poll a job.

    Args:
        cluster: the running service.
        job_id: the job.
        clients: their number.
    """

    def __init__(self, cluster: Cluster, job_id: str, clients: int) -> None:
        self._cluster = cluster
        self._job_id = job_id
        self._running = True
        self.polls: list[list[Answer]] = [[] for _ in range(clients)]
        self.health: list[Answer] = []

    async def run(self, seconds: float) -> Hang:
        """Poll while the server is stopped for a time, and until every client has the job again."""
        valkey, path = self._cluster.valkey, f"/jobs/{self._job_id}"
        async with asyncio.TaskGroup() as group:
            for answers in self.polls:
                group.create_task(self._ask(path, _PAUSE_SECONDS, answers))
            group.create_task(self._ask("/healthz", _HEALTH_PAUSE_SECONDS, self.health))
            await self._until_all_have_the_job(since=time.monotonic())
            valkey.send(signal.SIGSTOP)
            began = time.monotonic()
            try:
                await asyncio.sleep(seconds)
            finally:
                valkey.send(signal.SIGCONT)
            hang = Hang(began, time.monotonic())
            await self._until_all_have_the_job(hang.ended)
            self._running = False
        return hang

    async def _ask(self, path: str, pause: float, answers: list[Answer]) -> None:
        # Not with httpx, which takes longer the more connections it has.
        url = self._cluster.http.base_url
        reader, writer = await asyncio.open_connection(url.host, url.port)
        while self._running:
            asked = time.monotonic()
            writer.write(get(path))
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            _, _, length = head.partition(b"content-length: ")
            await reader.readexactly(int(length.split(b"\r\n")[0]))
            answers.append(Answer(int(head.split()[1]), asked, time.monotonic()))
            await asyncio.sleep(pause)
        writer.close()

    async def _until_all_have_the_job(self, since: float) -> None:
        while any(math.isnan(recovery(polls, since)) for polls in self.polls):
            late = time.monotonic() > since + _PATIENCE_SECONDS
            assert not late, f"some clients do not get the job: {self._statuses(since)}"
            await asyncio.sleep(0.05)

    def _statuses(self, since: float) -> dict[int, int]:
        """Count the responses since a moment, by status."""
        polls = (poll for polls in self.polls for poll in polls if poll.arrived > since)
        return dict(Counter(poll.status for poll in polls))


def recovery(polls: list[Answer], since: float) -> float:
    """Return how long after a moment a client had the job; NaN if it did not get it."""
    times = (poll.arrived - since for poll in polls if poll.status == HTTPStatus.OK)
    return min((seconds for seconds in times if seconds > 0), default=math.nan)


def p99(answers: list[Answer]) -> float:
    """Return the time within which 99 of 100 responses arrived, in seconds."""
    times = sorted(answer.seconds for answer in answers)
    return times[math.ceil(0.99 * len(times)) - 1]


def check(clients: Clients, hang: Hang) -> str:
    """Return the figures.

    Raises:
        AssertionError: a promise was not kept.
    """
    health = [answer for answer in clients.health if hang.began < answer.asked < hang.ended]
    polls = [
        poll
        for client in clients.polls
        for poll in client
        if hang.began < poll.asked and poll.arrived < hang.ended
    ]
    slowest = max(poll.seconds for poll in polls)
    recovered = max(recovery(polls, hang.ended) for polls in clients.polls)
    figures = (
        f"{len(clients.polls)} clients, {hang.ended - hang.began:.0f} s: "
        f"/healthz within {p99(health):.3f} s in 99 of 100 cases, "
        f"{max(answer.seconds for answer in health):.3f} s at most; "
        f"polls {dict(Counter(poll.status for poll in polls))}, {slowest:.1f} s at most; "
        f"all clients had the job {recovered:.1f} s after the end"
    )
    assert all(answer.status == HTTPStatus.OK for answer in health), figures
    assert all(poll.status == HTTPStatus.SERVICE_UNAVAILABLE for poll in polls), figures
    assert p99(health) < _HEALTH_SECONDS, figures
    assert slowest < _POLL_SECONDS, figures
    assert recovered < _RECOVERY_SECONDS, figures
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--clients", type=int, default=200)
    options = parser.parse_args()
    limits = {
        "EASEL_MAX_REQUESTS_PER_MINUTE": "1000000",
        "EASEL_MAX_CONNECTIONS_PER_CALLER": str(options.clients + 1),
    }
    with tempfile.TemporaryDirectory(prefix="easel-hang-") as folder:
        cluster = Cluster(Path(folder), **QUICK, **limits)
        try:
            cluster.start(workers=0)
            clients = Clients(cluster, cluster.post(), options.clients)
            hang = asyncio.run(clients.run(options.minutes * 60))
        finally:
            cluster.stop()
    print(check(clients, hang))


if __name__ == "__main__":
    main()
