"""Random edits while workers die: ``python -m bench.service.edits --seed 1 --edits 200``.

A few jobs run at a time. At moments that the seed picks, a parameter of one of them changes, or a
worker is killed, told to stop, or loses the process that paints. In the end every job must have
succeeded once, its record must have exactly the edits that were accepted, in their order, and a
job that is posted with them must give the same bytes.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.jobs.job import Job
from core.params.model import TUNABLE
from tests.service.cluster import CONTENT, QUICK, STYLE, Cluster
from tests.service.servers import Server

_WORKERS = 2
_IN_FLIGHT = 3
#: How long a job may take that waits for others and for workers that start.
_PATIENCE_SECONDS = 600
#: The time between two edits, in seconds.
_PAUSE = (0.0, 0.6)

_FILES = [("content", CONTENT), ("style", STYLE), ("style", CONTENT)]

#: Two scales, the last with two phases where the processor has 8-bit units.
_JOB = {"size": 96, "pyramid": "48:2", "precision": "auto"}

Changes = Mapping[str, object]


def _number(low: float, high: float) -> Callable[[random.Random], object]:
    return lambda generator: round(generator.uniform(low, high), 3)


def _numbers(count: int) -> Callable[[random.Random], object]:
    return lambda generator: [round(generator.uniform(0.1, 3), 2) for _ in range(count)]


def _one_of(*values: object) -> Callable[[random.Random], object]:
    return lambda generator: generator.choice(values)


#: What picks a value of each parameter that can change during a run.
VALUES: dict[str, Callable[[random.Random], object]] = {
    "strength": _number(0, 1),
    "steps": lambda generator: generator.randint(60, 200),
    "content_weight": _number(0, 5),
    "style_weight": _number(1, 1000),
    "tv_weight": _number(0, 20),
    "style_blend": _numbers(2),
    "style_scale": _number(0.7, 1.5),
    "style_statistics": _one_of("gram", "covariance"),
    "style_layer_weights": _numbers(5),
    "format": _one_of("png", "jpeg", "webp"),
    "quality": lambda generator: generator.randint(50, 100),
    "metadata": _one_of(True, False),
}


def changes_of(generator: random.Random) -> dict[str, object]:
    """Return a random change of one or two parameters."""
    names = generator.sample(TUNABLE, generator.choice([1, 1, 2]))
    return {name: VALUES[name](generator) for name in names}


def are_joined(edits: Sequence[Changes], accepted: Sequence[Changes]) -> bool:
    """Return whether the edits of a record are the accepted ones in their order.

    Edits that no worker took in between are joined: the later values replace the earlier.
    """
    if not edits or not accepted:
        return not edits and not accepted
    joined: dict[str, object] = {}
    for number, changes in enumerate(accepted, start=1):
        joined |= changes
        if joined == edits[0] and are_joined(edits[1:], accepted[number:]):
            return True
    return False


@dataclass
class Edited:
    """A job, and what the server has accepted."""

    job_id: str
    #: The parameters before the first edit, and those after the last.
    first: dict[str, Any]
    params: dict[str, Any]
    accepted: list[Changes]
    revision: int = 0

    def note(self, view: Mapping[str, Any]) -> bool:
        """Note the response to a PATCH, and return whether it has changed the job."""
        changes = {
            name: value for name, value in view["params"].items() if value != self.params[name]
        }
        assert view["revision"] == self.revision + bool(changes), view
        self.params, self.revision = view["params"], view["revision"]
        if not view["edits"]:  # no worker has begun: the job is as if posted so
            self.first = self.params
        elif changes:
            self.accepted.append(changes)
        return bool(changes)


class Editing:
    """One run.

    Args:
        cluster: a service that runs.
        seed: determines the jobs, the edits, and what happens to the workers when.
        edits: how many edits are accepted in the end at least.
        faults: how often something happens to a worker.
    """

    def __init__(self, cluster: Cluster, seed: int, edits: int, faults: int) -> None:
        self._random = random.Random(seed)
        self._cluster = cluster
        self._edits = edits
        self._moments = sorted(self._random.sample(range(edits), faults))
        self._log = cluster.log.mark()
        # An idle connection may be closed at the moment of the next request.
        cluster.http.headers["Connection"] = "close"
        #: What happened, and how often.
        self.counts: Counter[str] = Counter()

    def run(self, replays: int) -> dict[str, object]:
        """Run, check and return the figures.

        Args:
            replays: how many of the jobs are posted again with their edits.

        Raises:
            AssertionError: a job did not succeed, ended twice, has other edits than those that were
                accepted, or gives another picture when it is posted again.
        """
        running: list[Edited] = []
        ended: list[Edited] = []
        made = 0
        while made < self._edits or self._moments:
            while len(running) < _IN_FLIGHT:
                running.append(self._post())
            time.sleep(self._random.uniform(*_PAUSE))
            self._restart()
            if self._moments and self._moments[0] <= made and (ready := self._ready()):
                self._moments.pop(0)
                self._harm(self._random.choice(ready))
            each = self._random.choice(running)
            outcome = self._edit(each)
            if outcome is None:
                running.remove(each)
                ended.append(each)
            elif outcome:
                made += 1
        ended += running
        jobs = [self._check(each) for each in ended]
        replayed = self._random.sample(jobs, min(replays, len(jobs)))
        for job in replayed:
            self._replay(job)
        return {
            "jobs": len(jobs),
            "edits": made,
            "counts": dict(sorted(self.counts.items())),
            "attempts": dict(sorted(Counter(job.attempts for job in jobs).items())),
            "replayed": len(replayed),
        }

    def _post(self) -> Edited:
        optimizer = self._random.choice(["adam", "lbfgs"])
        steps = VALUES["steps"](self._random)
        job_id = self._cluster.post(_FILES, **_JOB, steps=steps, optimizer=optimizer)
        params = self._cluster.view(job_id)["params"]
        return Edited(job_id, params, params, [])

    def _edit(self, job: Edited) -> bool | None:
        """Change a job; return whether it has changed, or None if it has made its last step."""
        changes = changes_of(self._random)
        response = self._cluster.http.patch(f"/jobs/{job.job_id}", json=changes)
        if response.status_code == 409:
            assert response.json()["code"] == "job_finished", response.text
            return None
        assert response.status_code == 200, (changes, response.text)
        return job.note(response.json())

    def _ready(self) -> list[Server]:
        """Return the workers that have started, after :meth:`_restart`."""
        return [worker for worker in self._cluster.workers if self._cluster.is_ready(worker)]

    def _restart(self) -> None:
        """Replace workers that have exited by themselves, as a supervisor does."""
        cluster = self._cluster
        for worker in [each for each in cluster.workers if not each.alive]:
            self.counts["exited"] += 1
            cluster.workers.remove(worker)
            cluster.start_worker()

    def _ended(self, job_id: str) -> Job:
        """Wait until a job has ended."""
        end = time.monotonic() + _PATIENCE_SECONDS
        while not self._cluster.store.get(job_id).status.done:
            assert time.monotonic() < end, f"{job_id} has not ended"
            self._restart()
            time.sleep(0.2)
        return self._cluster.store.get(job_id)

    def _harm(self, worker: Server) -> None:
        cluster = self._cluster
        fault = self._random.choice(["killed", "stopped", "lost its child"])
        self.counts[fault] += 1
        if fault == "lost its child":
            cluster.kill_child(worker)
            return
        if fault == "killed":
            worker.kill()
        else:
            worker.send(signal.SIGTERM)
        cluster.workers.remove(worker)
        cluster.start_worker()

    def _check(self, edited: Edited) -> Job:
        cluster = self._cluster
        job = self._ended(edited.job_id)
        assert job.status == "succeeded", job
        cluster.result(job.id)
        endings = cluster.log.since(self._log, "job ended", job_id=job.id)
        assert len(endings) <= 1, f"{job.id} ended twice"
        assert job.revision == edited.revision, job
        assert job.params.model_dump(mode="json") == edited.params, job
        first, *rest = [edit.params for edit in job.edits] or [{}]
        assert first == {name: edited.first[name] for name in first}, job
        assert are_joined(rest, edited.accepted), (job, edited)
        assert None not in {edit.step for edit in job.edits}, job
        assert cluster.store.get(job.id) == job, f"{job.id} changed after it had ended"
        return job

    def _replay(self, job: Job) -> None:
        view = self._cluster.view(job.id)
        fields = {
            name: ",".join(map(str, value)) if isinstance(value, list) else value
            for name, value in view["params"].items()
            if value not in (None, [])
        }
        again = self._cluster.post(_FILES, **fields, edits=json.dumps(view["edits"]))
        self._ended(again)
        same = self._cluster.result(again) == self._cluster.result(job.id)
        assert same, (view, self._cluster.view(again))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--edits", type=int, default=200)
    parser.add_argument("--faults", type=int, default=25, help="how often a worker is harmed")
    parser.add_argument("--replays", type=int, default=10, help="jobs that are posted again")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="easel-edits-") as folder:
        # By chance, one job may lose many workers.
        cluster = Cluster(Path(folder), **QUICK, EASEL_MAX_ATTEMPTS="20")
        try:
            cluster.start_valkey()
            cluster.start_api()
            cluster.settle(_WORKERS, ready=0)
            editing = Editing(cluster, options.seed, options.edits, options.faults)
            figures = editing.run(options.replays)
            cluster.settle(_WORKERS, ready=0)
            cluster.assert_sound([])
        finally:
            cluster.stop()
    print(json.dumps({"seed": options.seed, **figures}))


if __name__ == "__main__":
    main()
