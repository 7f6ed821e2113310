"""A promise kept 200 times while everything dies: ``python -m bench.soak --seed 1``.

Jobs are posted as a patient client does. All the while workers, the api and
Valkey are killed with SIGKILL, each as often as said, at moments that the seed
picks. In the end every job must have succeeded with the picture that its record
names, none twice, and nothing may be left in the queue or orphaned among the files.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

import httpx

from core.blobs import open_blobs
from core.cleaning import Cleaner
from core.jobs import Job
from core.records import JOB_KEY
from tests.faults.cluster import QUICK, Cluster

_WORKERS = 2
#: So many jobs wait or run at any time.
_IN_FLIGHT = 12
#: The queue's own redelivery is quick here too, so that it takes part.
_SETTINGS = {**QUICK, "EASEL_REDELIVERY_SECONDS": "5"}


class Soak:
    """One run.

    Args:
        folder: for the data.
        seed: picks what is killed when, and what the jobs are.
        jobs: how many are posted.
        kills: how often each part is killed.
    """

    def __init__(self, folder: Path, seed: int, jobs: int, kills: int) -> None:
        self._random = random.Random(seed)
        self._cluster = Cluster(folder, **_SETTINGS)
        self._jobs = jobs
        victims = ["worker", "api", "valkey"] * kills
        self._random.shuffle(victims)
        moments = self._random.choices(range(jobs), k=len(victims))
        self._plan = sorted(zip(moments, victims, strict=True), key=lambda kill: kill[0])
        self._killed: Counter[str] = Counter()

    def run(self) -> None:
        """Raise AssertionError unless the promise was kept."""
        cluster = self._cluster
        cluster.start(_WORKERS)
        started = time.monotonic()
        try:
            ended = self._work()
            cluster.settle(_WORKERS)
            self._check(ended)
        finally:
            cluster.stop()
        attempts = Counter(job.attempts for job in ended)
        print(f"{len(ended)} jobs succeeded in {time.monotonic() - started:.0f} s")
        print(f"killed: {dict(self._killed)}; attempts: {dict(sorted(attempts.items()))}")

    def _work(self) -> list[Job]:
        waiting: list[str] = []
        ended: list[Job] = []
        for number in range(self._jobs):
            waiting.append(self._post())
            while self._plan and self._plan[0][0] <= number:
                self._kill(self._plan.pop(0)[1])
            if len(waiting) >= _IN_FLIGHT:
                ended.append(self._cluster.ended(waiting.pop(0), within=300))
        return ended + [self._cluster.ended(job_id, within=300) for job_id in waiting]

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
            victim = self._random.choice(cluster.workers)
            victim.kill()
            cluster.workers.remove(victim)
            cluster.start_worker()

    def _check(self, ended: list[Job]) -> None:
        cluster = self._cluster
        assert len({job.id for job in ended}) == self._jobs
        for job in ended:
            assert job.status == "succeeded", job
            cluster.result(job.id)  # whose hash is the record's
            assert cluster.store.get(job.id) == job, "a final state has changed"
            assert len(cluster.log.since(0, "job ended", job_id=job.id)) <= 1, "ended twice"
        cluster.assert_sound([])
        cluster.wait_until_empty("unacked")
        self._check_files()

    def _check_files(self) -> None:
        """After a sweep there is just what the records name."""
        cluster = self._cluster
        folder = cluster.folder / "data" / "blobs"
        Cleaner(cluster.redis, open_blobs(folder.as_uri()), grace=timedelta(0)).sweep()
        jobs = [
            cluster.store.get(key.removeprefix(JOB_KEY))
            for key in cluster.redis.scan_iter(f"{JOB_KEY}*", _type="HASH")
        ]
        pictures = [
            picture
            for job in jobs
            for picture in (*job.inputs.pictures(), job.result, job.preview)
            if picture is not None
        ]
        found = {path.name for path in folder.rglob("*") if path.is_file()}
        named = {picture.sha256 for picture in pictures}
        assert found == named, f"orphaned: {found - named}; missing: {named - found}"
        print(f"{len(found)} files, all of them named by {len(jobs)} records")


def main() -> None:
    """Read the command line, and run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--kills", type=int, default=10, help="of each part")
    given = parser.parse_args()
    print(f"seed {given.seed}")
    with tempfile.TemporaryDirectory(prefix="easel-soak-") as folder:
        Soak(Path(folder), given.seed, given.jobs, given.kills).run()


if __name__ == "__main__":
    main()
