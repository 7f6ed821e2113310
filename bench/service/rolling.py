"""A rolling restart or upgrade under load: ``python -m bench.service.rolling``.

Two API replicas, two workers and Valkey get SIGTERM in turn and are started again, for several
rounds, while jobs are posted without a pause. With ``--old FOLDER`` the service starts from the
code in that folder (as ``git archive`` writes it), and each restart replaces it with this code:
an upgrade. With ``--back`` the last round downgrades again. Every accepted job must succeed, and
no two idempotency keys may share a job.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import httpx

from cli.valkey import free_port
from tests.service import servers
from tests.service.cluster import CONTENT, QUICK, SMALL, STYLE, Cluster
from tests.service.servers import ROOT, Server

_WORKERS = 2
#: The number of unfinished jobs at any time.
_IN_FLIGHT = 10


class Poster(threading.Thread):
    """Posts jobs with idempotency keys, and retries at the other replica.

    Args:
        addresses: the base URLs of the replicas.
    """

    def __init__(self, addresses: list[str]) -> None:
        super().__init__(daemon=True)
        self._clients = itertools.cycle(httpx.Client(base_url=url) for url in addresses)
        self._over = threading.Event()
        self.accepted: list[str] = []
        #: Requests that failed and were retried, by the reason.
        self.retried: Counter[str] = Counter()
        self.longest_wait = 0.0
        self._ended = 0

    def run(self) -> None:
        """Post jobs until ``stop()``."""
        for number in itertools.count():
            self._make_room()
            if self._over.is_set():
                return
            began = time.monotonic()
            self.accepted.append(self._post(number))
            self.longest_wait = max(self.longest_wait, time.monotonic() - began)

    def stop(self) -> None:
        """Post no more jobs, and wait for the last request."""
        self._over.set()
        self.join()

    def _make_room(self) -> None:
        """Wait by long polls until fewer jobs than the limit are unfinished."""
        while len(self.accepted) - self._ended >= _IN_FLIGHT and not self._over.is_set():
            try:
                answer = next(self._clients).get(
                    f"/jobs/{self.accepted[self._ended]}", params={"wait": 5}, timeout=60
                )
            except httpx.TransportError:
                time.sleep(0.05)
                continue
            if answer.status_code == 200:
                self._ended += answer.json()["done"]
            else:
                time.sleep(float(answer.headers["retry-after"]))

    def _post(self, number: int) -> str:
        fields = {**SMALL, "steps": 20 + number % 60, "seed": number}
        while True:
            try:
                answer = next(self._clients).post(
                    "/jobs",
                    files={"content": CONTENT, "style": STYLE},
                    data={name: str(value) for name, value in fields.items()},
                    headers={"Idempotency-Key": f"rolling-{number}"},
                    timeout=60,
                )
            except httpx.TransportError as error:
                self.retried[type(error).__name__] += 1
                time.sleep(0.05)
                continue
            if answer.status_code == 202:
                return str(answer.json()["id"])
            self.retried[str(answer.status_code)] += 1
            time.sleep(float(answer.headers["retry-after"]))


class Rolling:
    """One run of the test.

    Args:
        cluster: a service that is not running yet.
        old: the folder of the code that it starts with.
    """

    def __init__(self, cluster: Cluster, old: Path) -> None:
        self._cluster = cluster
        self._old = old
        self._ports = [free_port(), free_port()]
        self._restarts: Counter[str] = Counter()
        self._names = itertools.count()

    def run(self, rounds: int, *, back: bool) -> str:
        """Run the test, and describe the result.

        Raises:
            AssertionError: a job did not succeed, or two idempotency keys share one.
        """
        cluster = self._cluster
        cluster.start_valkey()
        started = time.monotonic()
        try:
            apis = [self._start_api(port, self._old) for port in self._ports]
            workers = [self._start_worker(self._old) for _ in range(_WORKERS)]
            poster = Poster([f"http://127.0.0.1:{port}" for port in self._ports])
            poster.start()
            for number in range(rounds):
                code = self._old if back and number == rounds - 1 else ROOT
                workers = [self._replace(worker, code) for worker in workers]
                for place, port in enumerate(self._ports):
                    apis[place].stop()
                    self._count("api", code)
                    apis[place] = self._start_api(port, code)
                self._restart_valkey()
            poster.stop()
            return self._check(poster, time.monotonic() - started)
        finally:
            cluster.stop()

    def _replace(self, worker: Server, code: Path) -> Server:
        worker.stop()
        self._count("worker", code)
        return self._start_worker(code)

    def _start_api(self, port: int, code: Path) -> Server:
        name = f"api{next(self._names)}"
        environment = {**self._cluster.environment, "EASEL_PORT": str(port)}
        server = Server(name, servers.api(), environment, self._cluster.log, code)
        self._cluster.keep(server)
        self._cluster.log.wait("Application startup complete.", process=name)
        return server

    def _start_worker(self, code: Path) -> Server:
        name = f"worker{next(self._names)}"
        environment = {**self._cluster.environment, **self._cluster.for_workers}
        server = Server(name, servers.worker(name), environment, self._cluster.log, code)
        self._cluster.keep(server)
        return self._cluster.ready(server)

    def _restart_valkey(self) -> None:
        self._cluster.valkey.stop()
        self._count("valkey", ROOT)
        self._cluster.start_valkey()

    def _count(self, part: str, code: Path) -> None:
        self._restarts[part] += 1
        version = "this code" if code == ROOT else f"the code in {code.name}"
        print(f"{part} stopped; starts again with {version}", flush=True)

    def _check(self, poster: Poster, seconds: float) -> str:
        assert len(set(poster.accepted)) == len(poster.accepted), "two keys have the same job"
        ended = [self._cluster.ended(job_id) for job_id in poster.accepted]
        lost = [job.id for job in ended if job.status != "succeeded"]
        assert not lost, f"{len(lost)} of {len(ended)} jobs did not succeed: {lost[:3]}"
        attempts = Counter(job.attempts for job in ended)
        handed_back = sum(job.handed_back for job in ended)
        return (
            f"restarted {dict(self._restarts)} in {seconds:.0f} s\n"
            f"{len(ended)} jobs accepted, {len(ended)} succeeded; "
            f"attempts: {dict(sorted(attempts.items()))}; handed back by a worker: {handed_back}\n"
            f"requests retried: {dict(poster.retried)}; "
            f"longest wait for a 202: {poster.longest_wait:.1f} s"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--old", type=Path, default=ROOT, help="start with the code in this folder")
    parser.add_argument("--back", action="store_true", help="return to it in the last round")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="easel-rolling-") as folder:
        cluster = Cluster(Path(folder), **QUICK)
        print(Rolling(cluster, options.old.resolve()).run(options.rounds, back=options.back))


if __name__ == "__main__":
    main()
