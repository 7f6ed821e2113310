"""Hosts for the soak's workers, one of which is cut off from everything for a while."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from core.jobs.job import JobStatus
from tests.faults.cluster import Cluster
from tests.namespaces import Host, Network

#: A worker that is plugged in again has so long to take a job; jobs wait meanwhile.
_BACK_SECONDS = 120


def spread(cluster: Cluster, network: Network, workers: int) -> None:
    """Give every worker a host of its own, and nothing but the wire between it and Redis."""
    cluster.hosts = [network.host(f"worker{number}") for number in range(1, workers + 1)]
    cluster.addresses = [network.address]
    address = f"redis://{network.address}:{cluster.valkey_port}/0"
    # Pictures too: a folder that both hosts can reach would be a second wire.
    cluster.environment["EASEL_BLOBS"] = "redis://"
    cluster.for_workers["EASEL_REDIS_URL"] = address


class Cut:
    """One host, cut off while its worker has a job, and plugged in again.

    Args:
        cluster: whose workers are spread over hosts, and have jobs to do.
        seconds: for how long.
    """

    def __init__(self, cluster: Cluster, seconds: float) -> None:
        self._cluster = cluster
        self._seconds = seconds
        line = self._held()
        self.job_id: str = line["job_id"]
        (self.worker,) = (each for each in cluster.workers if each.name == line["process"])
        assert self.worker.host is not None
        self._mark = cluster.log.mark()
        self.worker.host.cut_off()
        cluster.open_gate()
        self._back: Future[float] = ThreadPoolExecutor(1).submit(self._wait, self.worker.host)

    def _held(self) -> dict[str, Any]:
        """The start of a job that is in mid-run, and does not end before the gate is open."""
        while True:
            line = self._cluster.log.wait("job started", after=self._cluster.log.mark())
            self._cluster.shut_gate()
            if self._cluster.store.get(line["job_id"]).status is JobStatus.RUNNING:
                return line
            self._cluster.open_gate()

    def over(self) -> bool:
        """Whether the worker has taken a job since its host was plugged in again."""
        return self._back.done()

    def check(self) -> str:
        """What became of the worker that was cut off.

        Raises:
            AssertionError: it did not give its job up, had to be started again, or took no
                job when it could have.
        """
        seconds = self._back.result()
        log, name = self._cluster.log, self.worker.name
        refused = "job abandoned: another attempt owns it"
        assert log.since(self._mark, refused, process=name, job_id=self.job_id), "it was not fenced"
        assert not log.since(self._mark, "worker ready", process=name), "its child was started anew"
        return (
            f"a host was cut off for {self._seconds:.0f} s; its worker gave its job up, "
            f"and took the next {seconds:.1f} s after it was plugged in again"
        )

    def _wait(self, host: Host) -> float:
        time.sleep(self._seconds)  # this is the fault, not a wait
        host.join()
        joined, mark = time.monotonic(), self._cluster.log.mark()
        log = self._cluster.log
        log.wait("job started", after=mark, within=_BACK_SECONDS, process=self.worker.name)
        return time.monotonic() - joined
