"""Something done again and again."""

from __future__ import annotations

import threading

import pytest

from core.errors import ServiceUnavailable
from core.runtime.ticker import Ticker

PATIENCE_SECONDS = 60


def test_turns_go_on_through_an_outage_which_is_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    done = threading.Event()
    turns = 0

    def action() -> None:
        nonlocal turns
        turns += 1
        if turns in (2, 3, 4):
            raise ServiceUnavailable("away")
        if turns == 6:
            done.set()

    ticker = Ticker("test", 0, action)
    ticker.start()
    assert done.wait(PATIENCE_SECONDS)
    ticker.stop()
    told = [record.message for record in caplog.records if record.name == "core.runtime.ticker"]
    assert told == ["periodic work interrupted by an outage", "periodic work resumed"]
