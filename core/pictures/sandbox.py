"""Files that nobody trusts are decoded elsewhere: in processes that may die of them.

``core.pictures.sandbox_child`` is what runs there, and how it is held. A process is kept warm
for the next file, is killed when it takes too long, and is replaced when it ends.
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
from core.pictures.inspection import Seen

_logger = logging.getLogger(__name__)

_ROOT = Path(__file__).parent.parent.parent

#: An answer is a short line; what is longer comes from a process gone astray.
_MAX_ANSWER_BYTES = 64 * 1024

#: A process is replaced after so many files, lest a leak in a decoder add up.
_FILES_PER_PROCESS = 1000


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    seen: Seen | None = None
    refused: str | None = None
    short: bool = False
    broke: str | None = None


@dataclass(frozen=True)
class Bounds:
    """What decoding one file may take."""

    memory_bytes: int
    #: On the processor.
    seconds: int
    #: On the clock; longer, because others want the processor too.
    clock_seconds: float


class Sandbox:
    """A few processes that look into files, one file at a time each. Threads may share it.

    Args:
        processes: how many there are at most.
        bounds: for each file.
    """

    def __init__(self, processes: int, bounds: Bounds) -> None:
        self.processes = processes
        self._bounds = bounds
        self._free = threading.BoundedSemaphore(processes)
        self._idle: list[_Process] = []
        self._closed = False

    def start(self) -> None:
        """Have every process begin to warm up; without this, the first files wait for it."""
        self._idle.extend(_Process(self._bounds) for _ in range(self.processes))

    def stop(self) -> None:
        """End the processes that are idle, and each other after its file."""
        self._closed = True
        while self._idle:
            self._idle.pop().end()

    def examine(self, data: bytes, mask: bool, *, max_pixels: int) -> Seen:
        """Decode a file, as ``core.pictures.inspection.examine`` does, but where it can do no harm.

        Raises:
            InvalidPicture: it cannot be read, or not within the bounds.
            ServiceUnavailable: the machine is too busy to say.
        """
        with self._free:
            process = self._idle.pop() if self._idle else _Process(self._bounds)
            fit = False
            try:
                seen = process.examine(data, mask, max_pixels)
                fit = True
            except InvalidPicture:
                fit = process.can_go_on
                raise
            finally:
                self._put_back(process, fit)
        return seen

    def _put_back(self, process: _Process, fit: bool) -> None:
        if fit and process.files < _FILES_PER_PROCESS and not self._closed:
            self._idle.append(process)
            return
        process.end()
        if not self._closed:
            self._idle.insert(0, _Process(self._bounds))  # it warms up while others are taken


class _Process:
    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self.files = 0
        #: Whether it is as good as new.
        self.can_go_on = True
        arguments = (str(bounds.memory_bytes), str(bounds.seconds))
        self._popen = subprocess.Popen(
            [sys.executable, "-P", "-m", "core.pictures.sandbox_child", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env={"PYTHONPATH": str(_ROOT)},  # it needs none of the deployment's secrets
        )

    def examine(self, data: bytes, mask: bool, max_pixels: int) -> Seen:
        """What it says of a file."""
        self.files += 1
        request = {"size": len(data), "mask": mask, "max_pixels": max_pixels}
        overdue = threading.Event()

        def stop() -> None:
            overdue.set()
            self._popen.kill()

        watch = threading.Timer(self._bounds.clock_seconds, stop)
        watch.start()
        try:
            answer = self._ask(json.dumps(request).encode() + b"\n", data)
        finally:
            watch.cancel()
        if overdue.is_set():
            raise ServiceUnavailable("the machine is too busy to look into the pictures")
        return self._read(answer, data)

    def _ask(self, request: bytes, data: bytes) -> bytes:
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        try:
            self._popen.stdin.write(request)
            self._popen.stdin.write(data)
            self._popen.stdin.flush()
        except OSError:
            return b""  # it has ended already, and the status says why
        return self._popen.stdout.readline(_MAX_ANSWER_BYTES)

    def _read(self, line: bytes, data: bytes) -> Seen:
        try:
            answer = _Answer.model_validate_json(line)
        except ValueError:
            answer = _Answer(broke="no answer")
        if answer.seen is not None:
            return answer.seen
        if answer.refused is not None:
            raise InvalidPicture(answer.refused)
        self.can_go_on = False
        raise InvalidPicture(self._why(answer, data))

    def _why(self, answer: _Answer, data: bytes) -> str:
        if answer.short:
            limit = self._bounds.memory_bytes
            return f"takes more than the {limit} bytes of memory allowed for decoding one picture"
        self._popen.kill()
        status = self._popen.wait()
        if answer.broke == "no answer" and status == -signal.SIGXCPU:
            limit = self._bounds.seconds
            return f"takes more than the {limit} seconds allowed for decoding one picture"
        _logger.warning(
            "a file broke its decoder",
            extra={"sha256": sha256(data).hexdigest(), "reason": answer.broke, "status": status},
        )
        return "is broken and cannot be read: the decoder gave up on it"

    def end(self) -> None:
        """End it at once."""
        self._popen.kill()
        self._popen.wait()
        for pipe in (self._popen.stdin, self._popen.stdout):
            assert pipe is not None
            with suppress(BrokenPipeError):  # it holds what the process did not live to read
                pipe.close()
