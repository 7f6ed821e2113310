"""A name that takes too long to resolve is one that cannot be resolved now."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from core.errors import NameNotResolved
from core.webhooks.addresses import AddressGuard
from core.webhooks.resolver import TimedResolver


@pytest.fixture
def stuck() -> Iterator[threading.Event]:
    """Set at the end, so that no thread outlives the test."""
    event = threading.Event()
    yield event
    event.set()


def test_a_slow_name_is_not_waited_for(stuck: threading.Event) -> None:
    def slow(host: str) -> list[str]:
        stuck.wait(60)
        return ["192.0.2.1"]

    guard = AddressGuard(resolver=TimedResolver(0.05, slow))
    with pytest.raises(NameNotResolved, match=r"slow\.example cannot be resolved now"):
        guard.addresses("slow.example")


def test_a_name_that_resolves_in_time_leads_where_it_did() -> None:
    guard = AddressGuard(resolver=TimedResolver(60, {"one.example": ["1.1.1.1"]}.__getitem__))
    assert [str(each) for each in guard.addresses("one.example")] == ["1.1.1.1"]
