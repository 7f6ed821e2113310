"""Hosts for the workers of the soak test, one of which is disconnected for a while."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from core.jobs.status import JobStatus
from tests.namespaces import Host, Subnet
from tests.service.cluster import Cluster

#: A reconnected worker must claim a job within this time. There are always queued jobs.
_CLAIM_SECONDS = 120


def spread(cluster: Cluster, network: Subnet, workers: int) -> None:
    """Give each worker a host of its own whose only connection is the one to Redis."""
    cluster.hosts = [network.host(f"worker{number}") for number in range(1, workers + 1)]
    cluster.addresses = [network.address]
    address = f"redis://{network.address}:{cluster.valkey_port}/0"
    # Pictures are in Redis too: a folder that both hosts can reach would be a second connection.
    cluster.environment["EASEL_BLOBS"] = "redis://"
    cluster.for_workers["EASEL_REDIS_URL"] = address


class Cut:
    """A network failure: the host of a running job is disconnected, and reconnected later.

    Args:
        cluster: its workers are on hosts of their own, and jobs are queued.
        seconds: the length of the failure.
    """

    def __init__(self, cluster: Cluster, seconds: float) -> None:
        self._cluster = cluster
        self._seconds = seconds
        line = self._running_job()
        self.job_id: str = line["job_id"]
        (self.worker,) = (w for w in cluster.workers if w.name == line["process"])
        assert self.worker.host is not None
        self._mark = cluster.log.mark()
        self.worker.host.disconnect()
        cluster.open_gate()
        self._claimed: Future[float] = ThreadPoolExecutor(1).submit(self._wait, self.worker.host)

    def _running_job(self) -> dict[str, Any]:
        """Stop a job in the middle of its run, and return the log line of its start."""
        while True:
            line = self._cluster.log.wait("job started", after=self._cluster.log.mark())
            self._cluster.shut_gate()
            if self._cluster.store.get(line["job_id"]).status is JobStatus.RUNNING:
                return line
            self._cluster.open_gate()

    def over(self) -> bool:
        """Return whether the worker has claimed a job since its host was reconnected."""
        return self._claimed.done()

    def check(self) -> str:
        """Describe what the disconnected worker did.

        Raises:
            AssertionError: the worker did not abandon its job, restarted, or did not claim
                another job in time.
        """
        seconds = self._claimed.result()
        log, name = self._cluster.log, self.worker.name
        refused = "job abandoned: another attempt owns it"
        assert log.since(self._mark, refused, process=name, job_id=self.job_id), "no fencing"
        assert not log.since(self._mark, "worker ready", process=name), "its child restarted"
        return (
            f"a host was disconnected for {self._seconds:.0f} s; its worker abandoned its job, "
            f"and claimed the next {seconds:.1f} s after it was reconnected"
        )

    def _wait(self, host: Host) -> float:
        time.sleep(self._seconds)  # the length of the failure
        host.reconnect()
        joined, mark = time.monotonic(), self._cluster.log.mark()
        log = self._cluster.log
        log.wait("job started", after=mark, within=_CLAIM_SECONDS, process=self.worker.name)
        return time.monotonic() - joined
