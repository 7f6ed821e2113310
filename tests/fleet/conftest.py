"""Two API replicas and three workers, each on its own host."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from tests.fleet.fleet import Fleet
from tests.namespaces import Subnet, unavailable_reason
from tests.service.servers import Server

REASON = unavailable_reason()


@dataclass(frozen=True)
class RunningFleet:
    """A running fleet."""

    fleet: Fleet
    #: Clients of the two API replicas.
    one: httpx.Client
    other: httpx.Client
    workers: tuple[Server, ...]


@pytest.fixture(scope="package")
def subnet() -> Iterator[Subnet]:
    if REASON is not None:
        pytest.skip(REASON)
    with Subnet() as subnet:
        yield subnet


@pytest.fixture(scope="package")
def services(
    subnet: Subnet, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, RunningFleet]]:
    """Two fleets, started together: ``a`` stores pictures in S3, ``b`` in Redis."""
    fleets = {name: Fleet(tmp_path_factory.mktemp(name), subnet, name) for name in ("a", "b")}
    try:
        fleets["a"].keep_pictures_in_s3()
        fleets["b"].keep_pictures_in_redis()
        workers = {
            name: tuple(fleets[name].start_worker(f"worker{i}") for i in range(1, 1 + count))
            for name, count in (("a", 3), ("b", 1))
        }
        yield {
            name: RunningFleet(
                fleet, fleet.start_api("api1"), fleet.start_api("api2"), workers[name]
            )
            for name, fleet in fleets.items()
        }
    finally:
        for fleet in fleets.values():
            fleet.stop()


@pytest.fixture
def service(services: dict[str, RunningFleet]) -> RunningFleet:
    """The fleet that stores pictures in S3."""
    return services["a"]


@pytest.fixture(params=["a", "b"], ids=["s3", "redis"])
def either(request: pytest.FixtureRequest, services: dict[str, RunningFleet]) -> RunningFleet:
    """Each of the two fleets in turn."""
    name: str = request.param
    return services[name]
