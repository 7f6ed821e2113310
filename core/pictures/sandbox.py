"""The sandbox: inspection of untrusted files in child processes, which may crash or be killed.

``core.pictures.sandbox_child`` is the program of the child processes, and
``core.pictures.restrictions`` what it may do.
A process is reused for the next file, killed when it takes too long, and replaced when
it ends.
"""

from __future__ import annotations

import json
import logging
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from core.errors import InvalidPicture, ServiceUnavailable
from core.pictures.inspection import Inspection
from core.pictures.restrictions import Restrictions

_logger = logging.getLogger(__name__)

#: The environment is empty, so the folder of our packages is an argument.
_PROGRAM = (
    "import sys; sys.path.insert(0, sys.argv[1]); from core.pictures import sandbox_child; "
    "sandbox_child.main(int(sys.argv[2]), int(sys.argv[3]))"
)
_ROOT = Path(__file__).parent.parent.parent

#: The most seconds that the start of a process may take.
_START_SECONDS = 60.0

#: An answer is a short line. Anything longer means that the process was taken over.
_MAX_ANSWER_BYTES = 64 * 1024

#: A process is replaced after this many files, in case a decoder leaks memory.
_FILES_PER_PROCESS = 1000

_NO_ANSWER = "no answer"


class _Answer(BaseModel):
    """An answer of a child process, of which one field is set."""

    model_config = ConfigDict(extra="forbid")

    #: Only before the first file.
    restrictions: Restrictions | None = None
    inspection: Inspection | None = None
    #: Why the file is refused.
    refused: str | None = None
    out_of_memory: bool = False
    #: The unexpected error that ended the process.
    crash: str | None = None


@dataclass(frozen=True)
class Bounds:
    """The limits of decoding one file."""

    memory_bytes: int
    #: Processor time.
    seconds: int
    #: Wall-clock time. It must be longer, because processes share the processors.
    clock_seconds: float


class Cancellation:
    """Ends the inspection of one file from another thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: _Process | None = None
        self._canceled = False

    def cancel(self) -> None:
        """Kill the process that inspects the file. Has no effect after the inspection."""
        with self._lock:
            self._canceled = True
            if self._process is not None:
                self._process.cancel()

    @contextmanager
    def covers(self, process: _Process) -> Iterator[None]:
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
        self._idle: list[_Process] = []
        self._closed = False

    def start(self) -> None:
        """Start all processes. Without this, the first files wait until processes have started.

        Raises:
            ServiceUnavailable: a process does not start.
        """
        self._idle.extend(_Process(self._bounds) for _ in range(self.processes))
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

        Raises:
            InvalidPicture: the file cannot be read, or exceeds the limits.
            ServiceUnavailable: the process did not answer within ``clock_seconds``, or the
                inspection was canceled.
        """
        with self._free:
            process = self._idle.pop() if self._idle else _Process(self._bounds)
            reusable = False
            try:
                with (cancellation or Cancellation()).covers(process):
                    inspection = process.inspect(data, mask, max_pixels)
                reusable = not process.canceled
            except InvalidPicture:
                reusable = process.reusable
                raise
            finally:
                self._put_back(process, reusable)
        return inspection

    def _put_back(self, process: _Process, reusable: bool) -> None:
        if reusable and process.files < _FILES_PER_PROCESS and not self._closed:
            self._idle.append(process)
            return
        process.end()
        if not self._closed:
            self._idle.insert(0, _Process(self._bounds))  # it starts while other processes are used


class _Process:
    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._restrictions: Restrictions | None = None
        self.files = 0
        #: Whether it can inspect further files.
        self.reusable = True
        self.canceled = False
        arguments = (str(bounds.memory_bytes), str(bounds.seconds))
        self._popen = subprocess.Popen(
            [sys.executable, "-I", "-c", _PROGRAM, str(_ROOT), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env={},  # no secrets of the deployment
        )

    def cancel(self) -> None:
        self.canceled = True
        self._popen.kill()

    def await_start(self) -> Restrictions:
        """Wait until the process is restricted and waits for files.

        Raises:
            ServiceUnavailable: the process ended, or needed more than a minute.
        """
        if self._restrictions is None:
            answer = self._exchange(b"", _START_SECONDS)
            if answer.restrictions is None:
                self._popen.kill()
                raise ServiceUnavailable(
                    f"the decoder of pictures does not start: {answer.crash}, exit status "
                    f"{self._popen.wait()}; the server needs to be repaired"
                )
            self._restrictions = answer.restrictions
        return self._restrictions

    def inspect(self, data: bytes, mask: bool, max_pixels: int) -> Inspection:
        self.await_start()
        self.files += 1
        request = {"size": len(data), "mask": mask, "max_pixels": max_pixels}
        line = json.dumps(request).encode() + b"\n"
        return self._result(self._exchange(line, self._bounds.clock_seconds, data), data)

    def _exchange(self, request: bytes, seconds: float, data: bytes = b"") -> _Answer:
        """Send a request, and return the answer."""
        timed_out = threading.Event()

        def kill() -> None:
            timed_out.set()
            self._popen.kill()

        timer = threading.Timer(seconds, kill)
        timer.start()
        try:
            line = self._send(request, data)
        finally:
            timer.cancel()
        if self.canceled:
            raise ServiceUnavailable("the inspection of the picture was canceled")
        if timed_out.is_set():
            raise ServiceUnavailable(
                "the server is too busy to decode the pictures; try again shortly"
            )
        try:
            return _Answer.model_validate_json(line)
        except ValueError:
            return _Answer(crash=_NO_ANSWER)

    def _send(self, request: bytes, data: bytes) -> bytes:
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        try:
            self._popen.stdin.write(request)
            self._popen.stdin.write(data)
            self._popen.stdin.flush()
        except OSError:
            return b""  # the process has ended; its exit status is examined below
        return self._popen.stdout.readline(_MAX_ANSWER_BYTES)

    def _result(self, answer: _Answer, data: bytes) -> Inspection:
        if answer.inspection is not None:
            return answer.inspection
        if answer.refused is not None:
            raise InvalidPicture(answer.refused)
        self.reusable = False
        raise InvalidPicture(self._crash_reason(answer, data))

    def _crash_reason(self, answer: _Answer, data: bytes) -> str:
        if answer.out_of_memory:
            limit = self._bounds.memory_bytes
            return f"needs more than the {limit} bytes of memory allowed for decoding one picture"
        self._popen.kill()
        status = self._popen.wait()
        if answer.crash == _NO_ANSWER and status == -signal.SIGXCPU:
            limit = self._bounds.seconds
            return f"needs more than the {limit} seconds allowed for decoding one picture"
        _logger.warning(
            "decoder crashed",
            extra={"sha256": sha256(data).hexdigest(), "reason": answer.crash, "status": status},
        )
        return "is damaged and cannot be read: the decoder crashed"

    def end(self) -> None:
        """Kill the process."""
        self._popen.kill()
        self._popen.wait()
        for pipe in (self._popen.stdin, self._popen.stdout):
            assert pipe is not None
            with suppress(BrokenPipeError):  # it holds data that the process has not read
                pipe.close()
