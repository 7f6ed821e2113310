"""Child processes that are started, restarted when they die, and stopped at the end.

``celery.platforms.set_pdeathsig`` is internal to Celery. Tried with Celery 5.7.0.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from celery.platforms import set_pdeathsig

_logger = logging.getLogger(__name__)

_FIRST_DELAY_SECONDS = 0.2
_MAX_DELAY_SECONDS = 30.0
#: A child that lived this long was healthy, and its next restart is quick again.
_HEALTHY_AFTER_SECONDS = 60.0


@dataclass(frozen=True)
class Program:
    """A child process to keep alive."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    #: The file descriptors that it inherits.
    descriptors: tuple[int, ...] = ()
    #: Called before each start.
    prepare: Callable[[], object] = lambda: None
    #: The permissions that its files do not have; -1: those of this process.
    umask: int = -1
    #: How long it may take to stop after SIGTERM before it gets SIGKILL.
    grace_seconds: float = 10.0


def restart_delay(previous: float, lived_seconds: float) -> float:
    """Return the seconds to wait before the next start.

    The delay doubles from restart to restart, and is short again after a long life.

    Args:
        previous: the delay before the last start; 0 if it was the first.
        lived_seconds: how long the child lived.
    """
    if lived_seconds >= _HEALTHY_AFTER_SECONDS or previous == 0:
        return _FIRST_DELAY_SECONDS
    return min(previous * 2, _MAX_DELAY_SECONDS)


class Supervised:
    """A program that is kept alive until it is stopped.

    It runs in a process group of its own. Ctrl-C in the terminal therefore reaches only the
    supervisor, and all processes that the program has started can be ended with it.
    """

    def __init__(self, program: Program) -> None:
        self._program = program
        self._stopping = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the program, and restart it whenever it dies."""
        self._process = await self._spawn()
        self._task = asyncio.create_task(self._keep_alive())

    async def stop(self) -> None:
        """End the program and every process that it has started."""
        self._stopping.set()
        if self._task is not None:
            await self._task

    async def _keep_alive(self) -> None:
        delay = 0.0
        stopping = asyncio.create_task(self._stopping.wait())
        while not self._stopping.is_set():
            assert self._process is not None
            started = time.monotonic()
            exited = asyncio.create_task(self._process.wait())
            await asyncio.wait({exited, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if self._stopping.is_set():
                break
            _kill_group(self._process)  # the processes that it has started
            delay = restart_delay(delay, time.monotonic() - started)
            _logger.warning(
                "child died; restarting",
                extra={
                    "child": self._program.name,
                    "status": self._process.returncode,
                    "delay_seconds": delay,
                },
            )
            if not await self._restart(delay):
                return
        await self._end()

    async def _restart(self, delay: float) -> bool:
        """Start the program again, however often that fails.

        Args:
            delay: the seconds to wait before the first try.

        Returns:
            Whether it runs; False if the supervisor is stopped first.
        """
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), delay)
                return False
            try:
                self._process = await self._spawn()
                return True
            except Exception:
                # The system may be out of processes or memory, or the program be replaced.
                delay = restart_delay(delay, 0)
                extra = {"child": self._program.name, "delay_seconds": delay}
                _logger.exception("child not started; trying again", extra=extra)

    async def _spawn(self) -> asyncio.subprocess.Process:
        self._program.prepare()
        process = await asyncio.create_subprocess_exec(
            *self._program.command,
            env={**os.environ, **self._program.environment},
            stdin=asyncio.subprocess.DEVNULL,
            pass_fds=self._program.descriptors,
            umask=self._program.umask,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
        _logger.info("child started", extra={"child": self._program.name, "child_pid": process.pid})
        return process

    async def _end(self) -> None:
        assert self._process is not None
        with suppress(ProcessLookupError):
            self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), self._program.grace_seconds)
        except TimeoutError:
            _logger.warning("child did not stop in time", extra={"child": self._program.name})
        _kill_group(self._process)
        await self._process.wait()


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent dies (Linux)."""
    set_pdeathsig("SIGKILL")


def _kill_group(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
