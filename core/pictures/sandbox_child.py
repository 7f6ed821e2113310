"""``python -m core.pictures.sandbox_child``: a process that looks into files nobody trusts.

It reads requests on standard input and answers on standard output, and can do
nothing else: once it is warm it can open neither file nor socket, and the kernel
bounds its memory and its time. What comes of a file that breaks it is that this
process ends. ``core.pictures.sandbox`` is the other side; requests and answers are JSON,
so that a process that was taken over cannot make the api run anything.

A request is a line, ``{"size": bytes, "mask": bool, "max_pixels": n}``, and then
the file. An answer is a line with one of ``seen``, ``refused`` (why), ``short``
(of memory) and ``broke`` (an error that nobody foresaw; the process then ends).
"""

from __future__ import annotations

import json
import math
import resource
import sys
from types import TracebackType
from typing import BinaryIO

from PIL import (
    AvifImagePlugin,
    GifImagePlugin,
    Image,
    ImageCms,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from core.errors import InvalidPicture
from core.pictures.inspection import examine

#: All that could be imported lazily is imported by now: later, no file can be opened.
_NEEDED = (
    AvifImagePlugin, GifImagePlugin, ImageCms, JpegImagePlugin, PngImagePlugin, TiffImagePlugin,
    WebPImagePlugin,
)  # fmt: skip


def main(memory_bytes: int, cpu_seconds: int) -> None:
    """Answer requests until there are no more."""
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    _warm_up()
    _lock_up(memory_bytes)
    sys.excepthook = _tell_and_end
    for line in requests:
        _allow_seconds(cpu_seconds)
        answer = _answer(json.loads(line), requests)
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()


def _answer(request: dict[str, int], file: BinaryIO) -> dict[str, object]:
    try:
        data = file.read(request["size"])
        seen = examine(data, bool(request["mask"]), max_pixels=request["max_pixels"])
    except InvalidPicture as error:
        return {"refused": error.message}
    except MemoryError:
        return {"short": True}
    return {"seen": seen.model_dump(mode="json")}


def _warm_up() -> None:
    Image.preinit()
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # a thread's stack and arena count as memory
    ImageCms.createProfile("sRGB")
    str(MemoryError()).encode("idna")  # codecs are imported when first used


def _lock_up(memory_bytes: int) -> None:
    """What the kernel is to hold this process to. It can never be loosened again."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    # As many as are open: no file, socket or library can be opened any more.
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))


def _allow_seconds(seconds: int) -> None:
    """From now on; the kernel counts those since the process began, and kills at the end."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = math.ceil(used.ru_utime + used.ru_stime) + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))


def _tell_and_end(kind: type[BaseException], error: BaseException, _: TracebackType | None) -> None:
    sys.stdout.buffer.write(json.dumps({"broke": f"{kind.__name__}: {error}"}).encode() + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
