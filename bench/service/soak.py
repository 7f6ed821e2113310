"""A soak test: 200 jobs while every process is killed: ``python -m bench.service.soak --seed 1``.

Jobs are posted by a client that retries. Meanwhile the workers, the API and Valkey are killed
with SIGKILL at random moments that depend on the seed. With ``--cut 60`` each worker has a host
of its own, and one of the hosts is disconnected for 60 seconds. In the end every job must have
succeeded exactly once with the picture that its record names, and no message and no blob may be
left over.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import httpx

from bench.service.cut import Cut, spread
from core.blobs.blobs import open_blobs
from core.jobs.job import Job
from core.store.keys import JOB_PREFIX
from core.upkeep.cleaner import Cleaner
from tests.namespaces import Subnet, unavailable_reason
from tests.service.cluster import QUICK, Cluster
from tests.service.storage import pictures_of

_WORKERS = 2
#: The number of unfinished jobs at any time.
_IN_FLIGHT = 12
#: The broker redelivers messages soon, so that this happens during the test too.
_SETTINGS = {**QUICK, "EASEL_REDELIVERY_SECONDS": "5"}


class Soak:
    """One run of the soak test.

    Args:
        cluster: a service that is not running yet.
        seed: determines the jobs, and which process is killed when.
        jobs: the number of jobs.
        kills: how often each part of the service is killed.
        cut_seconds: how long the host of a worker is disconnected; 0 for not at all.
    """

    def __init__(
        self, cluster: Cluster, seed: int, jobs: int, kills: int, cut_seconds: float
    ) -> None:
        self._random = random.Random(seed)
        self._cluster = cluster
        self._seed = seed
        self._jobs = jobs
        victims = ["worker", "api", "valkey"] * kills
        self._random.shuffle(victims)
        moments = self._random.choices(range(jobs), k=len(victims))
        self._plan = sorted(zip(moments, victims, strict=True), key=lambda kill: kill[0])
        self._cut_at = self._random.randrange(jobs // 2) if cut_seconds else None
        self._cut_seconds = cut_seconds
        self._cut: Cut | None = None
        self._killed: Counter[str] = Counter()

    def run(self) -> dict[str, object]:
        """Run the test and return its figures.

        Raises:
            AssertionError: a job did not succeed, ended twice, or left something behind.
        """
        cluster = self._cluster
        cluster.start(_WORKERS)
        started = time.monotonic()
        try:
            ended = self._work()
            cluster.settle(_WORKERS)
            files = self._check(ended)
            cut = self._cut.check() if self._cut else ""
        finally:
            cluster.stop()
        return {
            "seed": self._seed,
            "jobs": len(ended),
            "seconds": round(time.monotonic() - started),
            "killed": dict(self._killed),
            "attempts": dict(sorted(Counter(job.attempts for job in ended).items())),
            "files": files,
            "cut": cut,
        }

    def _work(self) -> list[Job]:
        unfinished: list[str] = []
        ended: list[Job] = []
        number = 0
        while number < self._jobs or (self._cut and not self._cut.over()):
            self._restart()
            unfinished.append(self._post())
            while self._plan and self._plan[0][0] <= number:
                self._kill(self._plan.pop(0)[1])
            if number == self._cut_at:
                self._cut = Cut(self._cluster, self._cut_seconds)
            if len(unfinished) >= _IN_FLIGHT:
                ended.append(self._cluster.ended(unfinished.pop(0), within=300))
            number += 1
        return ended + [self._cluster.ended(job_id, within=300) for job_id in unfinished]

    def _restart(self) -> None:
        """Restart workers that have exited, as a supervisor does."""
        for worker in [worker for worker in self._cluster.workers if not worker.alive]:
            self._killed["worker, by itself"] += 1
            self._cluster.workers.remove(worker)
            self._cluster.start_worker()

    def _post(self) -> str:
        """Post a job, retrying until it is accepted, and return its id."""
        steps = self._random.randint(10, 150)
        while True:
            try:
                return self._cluster.post(steps=steps, style_weight=self._random.randint(1, 2000))
            except httpx.TransportError:
                time.sleep(0.2)

    def _kill(self, part: str) -> None:
        cluster = self._cluster
        self._killed[part] += 1
        if part == "valkey":
            cluster.valkey.kill()
            cluster.start_valkey()
        elif part == "api":
            cluster.api.kill()
            cluster.start_api()
        else:
            spared = self._cut.worker if self._cut and not self._cut.over() else None
            victim = self._random.choice([w for w in cluster.workers if w is not spared])
            victim.kill()
            cluster.workers.remove(victim)
            cluster.start_worker()

    def _check(self, ended: list[Job]) -> int:
        cluster = self._cluster
        assert len({job.id for job in ended}) == len(ended) >= self._jobs
        for job in ended:
            assert job.status == "succeeded", job
            cluster.result(job.id)  # compares its digest with the record's
            assert cluster.store.get(job.id) == job, f"{job.id} changed after it had ended"
            endings = cluster.log.since(0, "job ended", job_id=job.id)
            assert len(endings) <= 1, f"{job.id} ended twice"
        cluster.assert_sound([])
        cluster.wait_until_empty("unacked")
        return self._check_blobs()

    def _check_blobs(self) -> int:
        """Check that a sweep leaves exactly the blobs that records name; return their number."""
        cluster = self._cluster
        blobs = open_blobs(cluster.blobs_url)
        Cleaner(cluster.redis, blobs, grace=timedelta(0)).sweep()
        jobs = [
            cluster.store.get(key.removeprefix(JOB_PREFIX))
            for key in cluster.redis.scan_iter(f"{JOB_PREFIX}*", _type="HASH")
        ]
        referenced = {picture.sha256 for job in jobs for picture in pictures_of(job)}
        stored = {digest for digest, _ in blobs.ages()}
        assert stored == referenced, (
            f"orphaned: {stored - referenced}; missing: {referenced - stored}"
        )
        assert blobs.delete_strays(older_than=0) == 0, "the sweep left unfinished files"
        return len(stored)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--kills", type=int, default=10, help="kills of each part")
    parser.add_argument(
        "--cut", type=float, default=0, help="disconnect a worker's host for this many seconds"
    )
    parser.add_argument("--record", type=Path, help="append the figures to this file")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="easel-soak-"))
        cluster = Cluster(Path(folder), **_SETTINGS)
        if options.cut:
            if reason := unavailable_reason():
                parser.error(f"--cut needs network namespaces: {reason}")
            spread(cluster, stack.enter_context(Subnet()), _WORKERS)
        soak = Soak(cluster, options.seed, options.jobs, options.kills, options.cut)
        line = json.dumps(soak.run())
    print(line)
    if options.record is not None:
        with options.record.open("a") as file:
            file.write(line + "\n")


if __name__ == "__main__":
    main()
