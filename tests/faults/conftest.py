"""Faults, and what was measured of them.

With ``FAULT_REPORT`` set to a file, every row that was seen to hold is added to
it, a line each; ``python -m tests.faults.report`` makes the page of it.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.cluster import QUICK, Cluster

#: The job that faults come upon: some seconds of work for the tiny network.
LONG = {"size": 64, "steps": 600}


class Row:
    """One line of the table: a fault, what is promised, what was measured."""

    def __init__(self) -> None:
        self._struck = time.monotonic()

    def __call__(self, number: str, fault: str, promise: str, measure: str = "") -> None:
        """Say what the test is about."""
        self._text = {"row": number, "fault": fault, "promise": promise, "measure": measure}

    def strike(self) -> None:
        """The fault happens now."""
        self._struck = time.monotonic()
        self._text.pop("seconds", None)

    def recovered(self) -> float:
        """The service is as it was; give the seconds since the fault."""
        seconds = time.monotonic() - self._struck
        self._text["seconds"] = f"{seconds:.1f}"
        return seconds

    def holds(self) -> dict[str, object]:
        return {**self._text}


@pytest.fixture
def row() -> Row:
    """Recorded when the test has passed."""
    return Row()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    row = getattr(item, "funcargs", {}).get("row")
    target = os.environ.get("FAULT_REPORT")
    if target and report.when == "call" and report.passed and isinstance(row, Row):
        with Path(target).open("a") as file:
            file.write(json.dumps(row.holds()) + "\n")


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path_factory.mktemp("cluster"), **QUICK)
    cluster.start(workers=2)
    yield cluster
    cluster.stop()


@pytest.fixture
def cluster(shared: Cluster) -> Cluster:
    """A service with two workers, which the tests share and bring up again."""
    for worker in shared.workers:
        if worker.special:
            worker.kill()
    shared.settle(workers=2)
    return shared


@pytest.fixture
def apart(tmp_path: Path) -> Iterator[Cluster]:
    """A service of the test's own, of which nothing runs yet; its settings are the defaults."""
    cluster = Cluster(tmp_path)
    yield cluster
    cluster.stop()


@pytest.fixture(scope="session")
def undisturbed(shared: Cluster) -> bytes:
    """The picture that the long job ends in when nothing happens to it."""
    return shared.result(shared.post(**LONG))
