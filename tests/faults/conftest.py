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

from tests.faults.cluster import QUICK, Cluster, Running
from tests.faults.proxy import Wire

#: Whether this run is to be published: nothing of it is shortened then.
MEASURING = "FAULT_REPORT" in os.environ


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
    cluster.start_valkey()
    cluster.start_api()
    yield cluster
    cluster.stop()


@pytest.fixture
def cluster(shared: Cluster) -> Cluster:
    """A service with two workers, which the tests share and bring up again."""
    # While one works the other may still be on its way, but not for the page.
    shared.settle(workers=2, ready=2 if MEASURING else 1)
    assert shared.undisturbed
    return shared


@pytest.fixture
def held(cluster: Cluster) -> Iterator[Running]:
    """A job in mid-run. It does not end before the test opens the gate."""
    with cluster.holding() as running:
        yield running


@pytest.fixture(scope="session")
def wired(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Cluster, Wire]]:
    cluster = Cluster(tmp_path_factory.mktemp("alone"), **QUICK)
    cluster.start_valkey()
    cluster.start_api()
    wire = Wire(cluster.valkey_port)
    cluster.for_workers["EASEL_REDIS_URL"] = f"redis://127.0.0.1:{wire.port}/0"
    # So that messages come again in mid-job.
    cluster.for_workers["EASEL_REDELIVERY_SECONDS"] = "1"
    yield cluster, wire
    cluster.stop()
    wire.close()


@pytest.fixture
def wire(wired: tuple[Cluster, Wire]) -> Wire:
    """What the only worker there is has between itself and Redis."""
    wired[1].mend()
    return wired[1]


@pytest.fixture
def alone(wired: tuple[Cluster, Wire], wire: Wire) -> Cluster:
    """A service with one worker, which the tests share and bring up again."""
    cluster, _ = wired
    cluster.settle(workers=1)
    assert cluster.undisturbed
    return cluster


@pytest.fixture
def unstaffed(wired: tuple[Cluster, Wire], wire: Wire) -> Cluster:
    """The same for a test that starts a worker of its own."""
    cluster, _ = wired
    cluster.settle(workers=0)
    return cluster


@pytest.fixture(scope="module")
def as_it_comes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A service with the settings as they come, of which nothing runs at first."""
    cluster = Cluster(tmp_path_factory.mktemp("defaults"))
    yield cluster
    cluster.stop()
