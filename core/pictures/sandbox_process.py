"""A process of the sandbox, and what it answered or how it ended.

``core.pictures.sandbox_child`` is its program, and ``core.pictures.restrictions`` what it may do.
"""

from __future__ import annotations

import json
import logging
import signal
import subprocess
import sys
import threading
from contextlib import suppress
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
    "import importlib, sys; sys.path.insert(0, sys.argv[1]); "
    "importlib.import_module(sys.argv[2]).main(int(sys.argv[3]), int(sys.argv[4]))"
)
_CHILD = __name__.replace("sandbox_process", "sandbox_child")
#: The folder of the outermost package, which the wheel has one level deeper.
_ROOT = Path(__file__).parents[__name__.count(".")]

#: The most seconds that the start of a process may take.
_START_SECONDS = 60.0

#: An answer is a short line. Anything longer means that the process was taken over.
_MAX_ANSWER_BYTES = 64 * 1024

#: A process is replaced after this many files, in case a decoder leaks memory.
_FILES_PER_PROCESS = 1000

#: The most seconds that a process may take to end, after it has crashed.
_END_SECONDS = 5.0

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


class SandboxProcess:
    """A process that inspects files, one after another, until one of them ends it.

    Args:
        bounds: the limits for each file.

    Raises:
        ServiceUnavailable: the process cannot be started.
    """

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._restrictions: Restrictions | None = None
        self._files = 0
        self._answers = True
        self._canceled = False
        self._killed = False
        arguments = (str(bounds.memory_bytes), str(bounds.seconds))
        try:
            self._popen = subprocess.Popen(
                [sys.executable, "-I", "-c", _PROGRAM, str(_ROOT), _CHILD, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env={},  # no secrets of the deployment
            )
        except OSError as error:
            raise ServiceUnavailable(
                f"no process can be started to decode pictures: {error}; the server needs more "
                "processes, memory or open files",
                retry_after=5,
            ) from error

    @property
    def alive(self) -> bool:
        """Whether it has not ended."""
        return self._popen.poll() is None

    @property
    def reusable(self) -> bool:
        """Whether it can inspect further files."""
        return self._answers and not self._canceled and self._files < _FILES_PER_PROCESS

    def cancel(self) -> None:
        """Kill it. Its file is an error that says so."""
        self._canceled = True
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

    def inspect(self, data: bytes, mask: bool, max_pixels: int) -> Inspection | None:
        """Return the inspection, or None if the process ended without an answer.

        Raises:
            InvalidPicture: the file cannot be read, or exceeds the limits.
            ServiceUnavailable: the process did not start or answer in time, or was canceled.
        """
        self._answers = False
        self.await_start()
        self._files += 1
        request = {"size": len(data), "mask": mask, "max_pixels": max_pixels}
        line = json.dumps(request).encode() + b"\n"
        answer = self._exchange(line, self._bounds.clock_seconds, data)
        self._answers = answer.inspection is not None or answer.refused is not None
        if answer.refused is not None:
            raise InvalidPicture(answer.refused)
        if answer.out_of_memory:
            limit = self._bounds.memory_bytes
            raise InvalidPicture(
                f"needs more than the {limit} bytes of memory allowed for decoding one picture"
            )
        if answer.inspection is None:
            self._examine_end(answer, data)
        return answer.inspection

    def _examine_end(self, answer: _Answer, data: bytes) -> None:
        """Take note of why the process ended, or ends now.

        Raises:
            InvalidPicture: it used up its processor time.
        """
        try:
            status = self._popen.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:  # it does not end: it was taken over
            self._popen.kill()
            status = None
        if status == -signal.SIGXCPU:
            limit = self._bounds.seconds
            raise InvalidPicture(
                f"needs more than the {limit} seconds allowed for decoding one picture"
            )
        self._killed = status == -signal.SIGKILL
        _logger.warning(
            "decoder crashed",
            extra={"sha256": sha256(data).hexdigest(), "reason": answer.crash, "status": status},
        )

    def crash_error(self) -> InvalidPicture | ServiceUnavailable:
        """Return the error for a file that the process gave no answer to."""
        if self._killed:  # the limits of the process end it with other signals
            return ServiceUnavailable(
                "the decoder of the picture was killed twice; the server may have too little memory"
            )
        return InvalidPicture("is damaged and cannot be read: the decoder crashed")

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
        if self._canceled:
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
            return b""  # the process has ended; the caller examines its exit status
        return self._popen.stdout.readline(_MAX_ANSWER_BYTES)

    def end(self) -> None:
        """Kill the process."""
        self._popen.kill()
        self._popen.wait()
        for pipe in (self._popen.stdin, self._popen.stdout):
            assert pipe is not None
            with suppress(BrokenPipeError):  # it holds data that the process has not read
                pipe.close()
