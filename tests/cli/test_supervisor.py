"""The supervisor restarts its children, at first quickly."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Callable
from pathlib import Path

from cli.supervisor import Program, Supervised, restart_delay

PATIENCE_SECONDS = 60


def test_the_delay_doubles_while_a_child_keeps_dying_and_is_short_again_after_a_long_life() -> None:
    delay, delays = 0.0, []
    for lived in (1, 1, 1, 1, 100, 1):
        delay = restart_delay(delay, lived)
        delays.append(delay)
    assert delays == [0.2, 0.4, 0.8, 1.6, 0.2, 0.4]


def test_the_delay_has_a_limit() -> None:
    assert restart_delay(29, 0) == 30


class _Listener(logging.Handler):
    """Sets an event when a message is logged."""

    def __init__(self, message: str, then: Callable[[], None]) -> None:
        super().__init__()
        self._message = message
        self._then = then

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage() == self._message:
            self._then()


def test_a_child_that_cannot_be_started_for_a_while_is_started_later(tmp_path: Path) -> None:
    asyncio.run(_start_later(tmp_path))


async def _start_later(tmp_path: Path) -> None:
    program, fifo = tmp_path / "program", tmp_path / "started"
    os.mkfifo(fifo)
    program.write_text(f"#!/bin/sh\necho $$ > {fifo}\nexec sleep 600\n")
    program.chmod(0o755)
    refused = asyncio.Event()
    listener = _Listener("child not started; trying again", refused.set)
    logging.getLogger("cli.supervisor").addHandler(listener)
    child = Supervised(Program("child", [str(program)]))
    async with asyncio.timeout(PATIENCE_SECONDS):
        await child.start()
        first = int(await asyncio.to_thread(fifo.read_text))
        program.rename(tmp_path / "away")
        os.kill(first, signal.SIGKILL)
        await refused.wait()
        (tmp_path / "away").rename(program)
        assert int(await asyncio.to_thread(fifo.read_text)) != first
        await child.stop()
    logging.getLogger("cli.supervisor").removeHandler(listener)
