"""Faults, and the rows of ``docs/reliability.md`` that describe them.

If ``FAULT_REPORT`` names a file, every row whose test has passed is appended to it, one a line.
``python -m tests.faults.report`` writes the page from it.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.service.cluster import QUICK, Cluster, Running
from tests.service.proxy import Wire

#: Whether the measurements of this run are published. If so, no test is shortened.
MEASURING = "FAULT_REPORT" in os.environ


class Row:
    """One row of the table: a fault, the promise, and the measurement."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def __call__(self, number: str, fault: str, promise: str, measure: str = "") -> None:
        """Describe the fault.

        Args:
            number: the number of the row.
            fault: the fault.
            promise: what must happen then.
            measure: what the measured time spans, if a time is measured.
        """
        self._text = {"row": number, "fault": fault, "promise": promise, "measure": measure}

    def begin(self) -> None:
        """Start the measurement: the fault happens now."""
        self._began = time.monotonic()
        self._text.pop("seconds", None)

    def recovered(self) -> float:
        """End the measurement; return the seconds since the fault."""
        seconds = time.monotonic() - self._began
        self._text["seconds"] = f"{seconds:.1f}"
        return seconds

    def recorded(self) -> dict[str, str]:
        """Return the row for the report."""
        return {**self._text}


@pytest.fixture
def row() -> Row:
    """The row of the test, recorded when the test has passed."""
    return Row()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    row = getattr(item, "funcargs", {}).get("row")
    target = os.environ.get("FAULT_REPORT")
    if target and report.when == "call" and report.passed and isinstance(row, Row):
        with Path(target).open("a") as file:
            file.write(json.dumps(row.recorded()) + "\n")


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path_factory.mktemp("cluster"), **QUICK)
    cluster.start_valkey()
    cluster.start_api()
    yield cluster
    cluster.stop()


@pytest.fixture
def cluster(shared: Cluster) -> Cluster:
    """A service with two workers, which the tests share and restart."""
    # One ready worker is enough to test; the published measurements need both.
    shared.settle(workers=2, ready=2 if MEASURING else 1)
    assert shared.undisturbed
    return shared


@pytest.fixture
def held(cluster: Cluster) -> Iterator[Running]:
    """A job in the middle of its run. It ends only after the test has opened the gate."""
    with cluster.holding() as running:
        yield running


@dataclass(frozen=True)
class Proxied:
    """A service whose API and worker each reach Redis through a proxy of their own."""

    cluster: Cluster
    api_wire: Wire
    wire: Wire


@pytest.fixture(scope="session")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    cluster = Cluster(tmp_path_factory.mktemp("single"), **QUICK)
    cluster.start_valkey()
    api_wire, wire = Wire(cluster.valkey_port), Wire(cluster.valkey_port)
    cluster.environment["EASEL_REDIS_URL"] = f"redis://127.0.0.1:{api_wire.port}/0"
    cluster.start_api()
    cluster.for_workers["EASEL_REDIS_URL"] = f"redis://127.0.0.1:{wire.port}/0"
    # So that messages are delivered again during a job.
    cluster.for_workers["EASEL_REDELIVERY_SECONDS"] = "1"
    yield Proxied(cluster, api_wire, wire)
    cluster.stop()
    api_wire.close()
    wire.close()


@pytest.fixture
def wire(proxied: Proxied) -> Wire:
    """The proxy between the only worker and Redis."""
    proxied.api_wire.mend()
    proxied.wire.mend()
    return proxied.wire


@pytest.fixture
def single(proxied: Proxied, wire: Wire) -> Cluster:
    """A service with one worker, which the tests share and restart."""
    cluster = proxied.cluster
    cluster.settle(workers=1)
    assert cluster.undisturbed
    return cluster


@pytest.fixture
def no_worker(proxied: Proxied, wire: Wire) -> Cluster:
    """The same service for a test that starts its own worker."""
    cluster = proxied.cluster
    cluster.settle(workers=0)
    return cluster


@pytest.fixture(scope="module")
def defaults(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A service with default settings, none of whose processes has been started."""
    cluster = Cluster(tmp_path_factory.mktemp("defaults"))
    yield cluster
    cluster.stop()
