"""Two faults at once: ``python -m bench.service.pairs --seed 1 --pairs 24``.

While jobs run, each round does two different things to the service at the same moment, which the
seed picks, and undoes them some seconds later. After each round all of its jobs must have ended,
exactly once and as ``succeeded``, and in the end nothing may be left over.
"""

from __future__ import annotations

import argparse
import itertools
import random
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from core.queue.app import JOB_QUEUES
from tests.service.cluster import QUICK, Cluster
from tests.service.servers import Server

_WORKERS = 2
_JOBS = 4

#: Longer than a lease of the tests.
_FAULT_SECONDS = 5.0

#: Begins a fault, and returns what ends it.
Fault = Callable[[Cluster], Callable[[], None]]


def _nothing() -> None:
    """End a fault that ends by itself, or that :meth:`Cluster.settle` repairs."""


def kill_worker(cluster: Cluster) -> Callable[[], None]:
    """Kill a worker with its child."""
    cluster.workers[0].kill()
    return _nothing


def kill_child(cluster: Cluster) -> Callable[[], None]:
    """Kill the process that runs a worker's job."""
    cluster.kill_child(cluster.workers[1])
    return _nothing


def stop_worker(cluster: Cluster) -> Callable[[], None]:
    """Tell a worker to stop."""
    cluster.workers[0].send(signal.SIGTERM)
    return _nothing


def kill_api(cluster: Cluster) -> Callable[[], None]:
    """Kill the API."""
    cluster.api.kill()
    return _nothing


def kill_valkey(cluster: Cluster) -> Callable[[], None]:
    """Kill Valkey."""
    cluster.valkey.kill()
    return _nothing


def freeze_worker(cluster: Cluster) -> Callable[[], None]:
    """Freeze a worker with its child for longer than a lease."""
    return _freeze(cluster.workers[1])


def freeze_api(cluster: Cluster) -> Callable[[], None]:
    """Freeze the API."""
    return _freeze(cluster.api)


def freeze_valkey(cluster: Cluster) -> Callable[[], None]:
    """Freeze Valkey."""
    return _freeze(cluster.valkey)


def lose_messages(cluster: Cluster) -> Callable[[], None]:
    """Delete the messages of the jobs that wait."""
    cluster.redis.delete(*JOB_QUEUES)
    return _nothing


def forget_scripts(cluster: Cluster) -> Callable[[], None]:
    """Delete the scripts that Valkey has stored."""
    cluster.redis.script_flush()
    return _nothing


def _freeze(server: Server) -> Callable[[], None]:
    server.send_to_all(signal.SIGSTOP)
    return lambda: server.send_to_all(signal.SIGCONT)


#: Those that need a Valkey that responds come first.
FAULTS: tuple[Fault, ...] = (
    lose_messages,
    forget_scripts,
    kill_worker,
    kill_child,
    stop_worker,
    freeze_worker,
    kill_api,
    freeze_api,
    kill_valkey,
    freeze_valkey,
)

#: One cannot freeze what was killed, nor kill a worker and stop it too.
_SAME = ({kill_worker, stop_worker}, {kill_api, freeze_api}, {kill_valkey, freeze_valkey})
PAIRS = tuple(pair for pair in itertools.combinations(FAULTS, 2) if {*pair} not in _SAME)


def pairs_of(seed: int, number: int) -> list[tuple[Fault, Fault]]:
    """Return the pairs of faults that a seed picks; no pair comes twice before all have come."""
    picked: list[tuple[Fault, Fault]] = []
    generator = random.Random(seed)
    while len(picked) < number:
        picked += generator.sample(PAIRS, min(len(PAIRS), number - len(picked)))
    return picked


def run_pair(cluster: Cluster, faults: tuple[Fault, Fault]) -> float:
    """Begin both faults while jobs run, end them, and return the seconds until all jobs had ended.

    Raises:
        AssertionError: a job did not succeed, or ended twice.
    """
    cluster.settle(_WORKERS)
    mark = cluster.log.mark()
    jobs = [_post(cluster) for _ in range(_JOBS)]
    cluster.log.wait("job started", after=mark)
    began = time.monotonic()
    ends = [fault(cluster) for fault in faults]
    time.sleep(_FAULT_SECONDS)
    for end in ends:
        end()
    cluster.settle(_WORKERS, ready=0)
    for job_id in jobs:
        job = cluster.ended(job_id, within=300)
        assert job.status == "succeeded", job
        cluster.result(job_id)
        endings = cluster.log.since(mark, "job ended", job_id=job_id)
        assert len(endings) <= 1, f"{job_id} ended twice"
    return time.monotonic() - began


def _post(cluster: Cluster) -> str:
    while True:
        try:
            return cluster.post(steps=600)  # longer than the faults
        except httpx.TransportError:
            time.sleep(0.2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pairs", type=int, default=24)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="easel-pairs-") as folder:
        cluster = Cluster(Path(folder), **QUICK, EASEL_REDELIVERY_SECONDS="5")
        try:
            cluster.start(_WORKERS)
            for pair in pairs_of(options.seed, options.pairs):
                names = " and ".join(fault.__name__.replace("_", " ") for fault in pair)
                print(
                    f"{names}: all jobs succeeded after {run_pair(cluster, pair):.1f} s", flush=True
                )
            cluster.settle(_WORKERS)
            cluster.assert_sound([])
        finally:
            cluster.stop()
    print(f"{options.pairs} pairs, {options.pairs * _JOBS} jobs: all succeeded, each once")


if __name__ == "__main__":
    main()
