"""A promise kept 200 times while everything dies: ``python -m bench.service.soak --seed 1``.

Jobs are posted as a patient client does. All the while workers, the api and
Valkey are killed with SIGKILL, each as often as said, at moments that the seed
picks; with ``--cut 60`` each worker has a host of its own, and one of them is cut
off from everything for so many seconds. In the end every job must have succeeded
with the picture that its record names, none twice, and nothing may be left in the
queue or orphaned among the files.
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
from tests.faults.cluster import QUICK, Cluster
from tests.namespaces import Network, why_not

_WORKERS = 2
#: So many jobs wait or run at any time.
_IN_FLIGHT = 12
#: The queue's own redelivery is quick here too, so that it takes part.
_SETTINGS = {**QUICK, "EASEL_REDELIVERY_SECONDS": "5"}


class Soak:
    """One run.

    Args:
        cluster: nothing of it runs yet.
        seed: picks what is killed when, and what the jobs are.
        jobs: how many are posted.
        kills: how often each part is killed.
        cut_seconds: how long one of the workers' hosts is cut off; 0 for not at all.
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
        """What was seen.

        Raises:
            AssertionError: the promise was not kept.
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
        waiting: list[str] = []
        ended: list[Job] = []
        number = 0
        while number < self._jobs or (self._cut and not self._cut.over()):
            self._restart()
            waiting.append(self._post())
            while self._plan and self._plan[0][0] <= number:
                self._kill(self._plan.pop(0)[1])
            if number == self._cut_at:
                self._cut = Cut(self._cluster, self._cut_seconds)
            if len(waiting) >= _IN_FLIGHT:
                ended.append(self._cluster.ended(waiting.pop(0), within=300))
            number += 1
        return ended + [self._cluster.ended(job_id, within=300) for job_id in waiting]

    def _restart(self) -> None:
        """Do what a supervisor does with a worker that has ended itself."""
        for worker in [each for each in self._cluster.workers if not each.alive]:
            self._killed["worker, by itself"] += 1
            self._cluster.workers.remove(worker)
            self._cluster.start_worker()

    def _post(self) -> str:
        """As a client that knows nothing of a job without a 202, and asks again."""
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
            victim = self._random.choice([each for each in cluster.workers if each is not spared])
            victim.kill()
            cluster.workers.remove(victim)
            cluster.start_worker()

    def _check(self, ended: list[Job]) -> int:
        cluster = self._cluster
        assert len({job.id for job in ended}) == len(ended) >= self._jobs
        for job in ended:
            assert job.status == "succeeded", job
            cluster.result(job.id)  # whose hash is the record's
            assert cluster.store.get(job.id) == job, "a final state has changed"
            assert len(cluster.log.since(0, "job ended", job_id=job.id)) <= 1, "ended twice"
        cluster.assert_sound([])
        cluster.wait_until_empty("unacked")
        return self._check_blobs()

    def _check_blobs(self) -> int:
        """After a sweep there is just what the records name; how many that are."""
        cluster = self._cluster
        blobs = open_blobs(cluster.blobs_url)
        Cleaner(cluster.redis, blobs, grace=timedelta(0)).sweep()
        jobs = [
            cluster.store.get(key.removeprefix(JOB_PREFIX))
            for key in cluster.redis.scan_iter(f"{JOB_PREFIX}*", _type="HASH")
        ]
        named = {
            picture.sha256
            for job in jobs
            for picture in (*job.inputs.pictures(), job.result, job.preview)
            if picture is not None
        }
        found = {digest for digest, _ in blobs.ages()}
        assert found == named, f"orphaned: {found - named}; missing: {named - found}"
        assert blobs.delete_strays(older_than=0) == 0, "the sweep has left strays"
        return len(found)


def main() -> None:
    """Read the command line, and run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--kills", type=int, default=10, help="of each part")
    parser.add_argument("--cut", type=float, default=0, help="a worker's host, for so many seconds")
    parser.add_argument("--record", type=Path, help="a file to add a line to, for docs/reliability")
    given = parser.parse_args()
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="easel-soak-"))
        cluster = Cluster(Path(folder), **_SETTINGS)
        if given.cut:
            if reason := why_not():
                parser.error(f"--cut needs hosts of their own for the workers: {reason}")
            spread(cluster, stack.enter_context(Network()), _WORKERS)
        seen = Soak(cluster, given.seed, given.jobs, given.kills, given.cut).run()
    line = json.dumps(seen)
    print(line)
    if given.record is not None:
        with given.record.open("a") as file:
            file.write(line + "\n")


if __name__ == "__main__":
    main()
