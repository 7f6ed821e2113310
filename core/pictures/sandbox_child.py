"""The program of the processes that inspect untrusted files.

It reads requests from standard input and writes answers to standard output, and can do
nothing else: ``core.pictures.restrictions`` enforces that. A file that crashes the decoder
ends this process only. ``core.pictures.sandbox_process`` is the other side. Requests and
answers are JSON, so that a process that was taken over cannot make the API run code.

A request is a line, ``{"size": bytes, "mask": bool, "max_pixels": n}``, followed by the
file. An answer is a line with one of ``inspection``, ``refused`` (the reason),
``out_of_memory``, and ``crash`` (an unexpected error, after which the process ends). The
first line is not an answer: its ``restrictions`` are what the kernel enforces from now on.
"""

from __future__ import annotations

import json
import math
import resource
import sys
from types import TracebackType
from typing import BinaryIO

from core.errors import InvalidPicture
from core.pictures.formats.table import import_decoders
from core.pictures.inspection import inspect
from core.pictures.restrictions import restrict


def main(memory_bytes: int, cpu_seconds: int) -> None:
    """Answer requests until standard input ends.

    Args:
        memory_bytes: the limit of the address space.
        cpu_seconds: the limit of processor time for each file.
    """
    sys.excepthook = _report_crash
    requests = sys.stdin.buffer
    import_decoders()
    _write({"restrictions": restrict(memory_bytes).model_dump()})
    for line in requests:
        _allow_seconds(cpu_seconds)
        _write(_answer(json.loads(line), requests))


def _write(answer: dict[str, object]) -> None:
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
    sys.stdout.buffer.flush()


def _answer(request: dict[str, int], file: BinaryIO) -> dict[str, object]:
    try:
        data = file.read(request["size"])
        inspection = inspect(data, bool(request["mask"]), max_pixels=request["max_pixels"])
    except InvalidPicture as error:
        return {"refused": error.message}
    except MemoryError:
        return {"out_of_memory": True}
    return {"inspection": inspection.model_dump(mode="json")}


def _allow_seconds(seconds: int) -> None:
    """Limit the processor time from now on. The kernel counts it from the process start."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = math.ceil(used.ru_utime + used.ru_stime) + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))


def _report_crash(kind: type[BaseException], error: BaseException, _: TracebackType | None) -> None:
    _write({"crash": f"{kind.__name__}: {error}"})
