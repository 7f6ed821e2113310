"""A service that is stopped in mid-job goes on with the job when it is started again."""

from __future__ import annotations

import signal
from pathlib import Path

from core.nst.weights import save_weights
from core.params import Network
from tests.acceptance.conftest import Service, free_port
from tests.conftest import random_weights
from tests.faults.cluster import SMALL


def test_ctrl_c_in_mid_job_leaves_it_for_the_next_start(tmp_path: Path, samples: Path) -> None:
    weights = tmp_path / "weights"
    for network in Network:  # the job's is small, and the usual one is not to be fetched
        save_weights(random_weights(seed=0), weights / network.filename)
    # One thread: two that wait for each other on a small network are slow on a busy machine.
    environment = {
        "EASEL_WEIGHTS_DIR": str(weights),
        "EASEL_CHECKPOINT_SECONDS": "0.3",
        "OMP_NUM_THREADS": "1",
    }
    fields = {**SMALL, "steps": 2500}

    service = Service(tmp_path / "data", free_port(), **environment)
    service.announced()
    job = service.post(
        samples / "photos" / "cat.jpg", samples / "styles" / "swirls.jpg", **fields
    ).json()
    service.wait_for("checkpoint saved", job_id=job["id"])
    assert service.stop(signal.SIGINT) == 0
    service.wait_for("job handed back: the worker stops", job_id=job["id"])

    again = Service(tmp_path / "data", free_port(), **environment)
    again.announced()
    assert again.wait_for("job resumed", job_id=job["id"])["step"] > 0
    resumed = again.finished(job)
    assert (resumed["status"], resumed["metrics"]["attempts"]) == ("succeeded", 1)
    undisturbed = again.finished(
        again.post(
            samples / "photos" / "cat.jpg", samples / "styles" / "swirls.jpg", **fields
        ).json()
    )
    pictures = [again.http.get(each["links"]["result"]).content for each in (resumed, undisturbed)]
    assert pictures[0] == pictures[1]
    assert again.stop() == 0
