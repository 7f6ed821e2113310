"""The sandbox: inspection of untrusted files in child processes, which may crash or be killed.

``core.pictures.sandbox_process`` is one of these processes. It is reused for the next file, killed
when it takes too long, and replaced when it ends.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from core.errors import ServiceUnavailable
from core.pictures.inspection import Inspection
from core.pictures.sandbox_process import Bounds, SandboxProcess

_logger = logging.getLogger(__name__)


class Cancellation:
    """Ends the inspection of one file from another thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: SandboxProcess | None = None
        self._canceled = False

    def cancel(self) -> None:
        """Kill the process that inspects the file. Has no effect after the inspection."""
        with self._lock:
            self._canceled = True
            if self._process is not None:
                self._process.cancel()

    @contextmanager
    def covers(self, process: SandboxProcess) -> Iterator[None]:
        """Kill the process if the inspection is canceled during the block, or was before."""
        with self._lock:
            self._process = process
            if self._canceled:
                process.cancel()
        try:
            yield
        finally:
            with self._lock:
                self._process = None


class Sandbox:
    """A pool of processes that inspect files, one at a time each. It is thread-safe.

    Args:
        processes: the size of the pool.
        bounds: the limits for each file.
    """

    def __init__(self, processes: int, bounds: Bounds) -> None:
        self.processes = processes
        self._bounds = bounds
        self._free = threading.BoundedSemaphore(processes)
        self._idle: list[SandboxProcess] = []
        self._closed = False

    def start(self) -> None:
        """Start all processes. Without this, the first files wait until processes have started.

        Raises:
            ServiceUnavailable: a process does not start.
        """
        self._idle.extend(SandboxProcess(self._bounds) for _ in range(self.processes))
        restrictions = self._idle[0].await_start()
        fields = restrictions.model_dump()
        if restrictions.weakness:
            _logger.warning(restrictions.weakness, extra=fields)
        else:
            _logger.info("decoders are restricted", extra=fields)

    def stop(self) -> None:
        """End the idle processes now, and each busy one after its file."""
        self._closed = True
        while self._idle:
            self._idle.pop().end()

    def problem(self) -> str | None:
        """Return None: a process that dies is replaced with the next file."""
        return None

    def inspect(
        self, data: bytes, mask: bool, *, max_pixels: int, cancellation: Cancellation | None = None
    ) -> Inspection:
        """Inspect a file in a child process, as ``core.pictures.inspection.inspect`` does.

        If the process ends without an answer, another one inspects the file once more, because
        the first may have been killed, or damaged by an earlier file.

        Raises:
            InvalidPicture: the file cannot be read, exceeds the limits, or crashes its process.
            ServiceUnavailable: no process started, the process did not answer within
                ``clock_seconds`` or was killed twice, or the inspection was canceled.
        """
        cancellation = cancellation or Cancellation()
        with self._free:
            for _ in range(2):
                with self._process() as process, cancellation.covers(process):
                    inspection = process.inspect(data, mask, max_pixels)
                if inspection is not None:
                    return inspection
        raise process.crash_error()

    @contextmanager
    def _process(self) -> Iterator[SandboxProcess]:
        """Take a process for one file, and replace it afterwards if it cannot be used again."""
        process = self._take()
        try:
            yield process
        finally:
            if process.reusable and not self._closed:
                self._idle.append(process)
            else:
                process.end()
                self._replace()

    def _take(self) -> SandboxProcess:
        while True:
            try:
                process = self._idle.pop()
            except IndexError:
                return SandboxProcess(self._bounds)
            if process.alive:
                return process
            process.end()  # it was killed while it was idle

    def _replace(self) -> None:
        if self._closed:
            return
        try:
            # It starts while the other processes are used.
            self._idle.insert(0, SandboxProcess(self._bounds))
        except ServiceUnavailable as error:  # the next file tries again
            _logger.warning("decoder not replaced", extra={"reason": str(error)})
