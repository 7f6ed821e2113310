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

    ticker = Ticker("test", 0, action, str)
    ticker.start()
    assert done.wait(PATIENCE_SECONDS)
    ticker.stop()
    ticker.join(PATIENCE_SECONDS)
    messages = [record.message for record in caplog.records if record.name == "core.runtime.ticker"]
    assert messages == ["periodic work interrupted by an outage", "periodic work resumed"]


def test_a_ticker_logs_and_counts_unexpected_errors_and_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    done = threading.Event()
    counted: list[str] = []
    calls = 0

    def action() -> None:
        nonlocal calls
        calls += 1
        if calls < 4:
            raise KeyError("unexpected")
        done.set()

    def count(name: str) -> None:
        counted.append(name)
        if len(counted) == 2:
            raise ServiceUnavailable("away")

    ticker = Ticker("test", 0, action, count)
    ticker.start()
    assert done.wait(PATIENCE_SECONDS)
    ticker.stop()
    ticker.join(PATIENCE_SECONDS)
    assert counted == ["test"] * 3
    messages = [record.message for record in caplog.records if record.name == "core.runtime.ticker"]
    expected = ("periodic work failed", "error of periodic work not counted")
    assert messages == [*expected, "periodic work resumed"]
    assert any(record.exc_info for record in caplog.records)


def test_a_ticker_that_succeeds_no_more_reports_a_problem() -> None:
    called = threading.Event()

    def action() -> None:
        called.set()
        raise KeyError("unexpected")

    hasty, patient = (Ticker("reaper", 60, action, str, patience_seconds=at) for at in (0, 60))
    for ticker in (hasty, patient):
        called.clear()
        ticker.start()
        assert called.wait(PATIENCE_SECONDS)
        ticker.stop()
    assert patient.problem() is None
    problem = hasty.problem()
    assert problem is not None
    assert "the reaper of this process has not succeeded for 0 s" in problem
