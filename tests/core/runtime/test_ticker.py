"""Periodic work through outages."""

from __future__ import annotations

import threading

import pytest

from core.errors import ServiceUnavailable
from core.runtime.ticker import Ticker

PATIENCE_SECONDS = 60


def test_a_ticker_goes_on_after_an_outage_and_logs_it_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    done = threading.Event()
    calls = 0

    def action() -> None:
        nonlocal calls
        calls += 1
        if calls in (2, 3, 4):
            raise ServiceUnavailable("away")
        if calls == 6:
            done.set()

    ticker = Ticker("test", 0, action)
    ticker.start()
    assert done.wait(PATIENCE_SECONDS)
    ticker.stop()
    messages = [record.message for record in caplog.records if record.name == "core.runtime.ticker"]
    assert messages == ["periodic work interrupted by an outage", "periodic work resumed"]
