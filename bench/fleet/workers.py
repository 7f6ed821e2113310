"""Workers whose optimiser sleeps: ``python -m bench.fleet.workers``.

It reads the number of workers from its standard input, a line for each change.

Everything else is the real code: Celery's consumer and its child process, claims, leases,
progress, previews, files, the reaper. The replacements:

- ``core.nst``: a step sleeps for ``STEP_SECONDS``, a job has the number of steps in its
  parameters, and its checkpoints are a few bytes;
- torch, which other modules of the worker import by name: nothing of it is called;
- encoding of the preview and the result: the file is the same every time, of the usual size;
- processes are forked from one that has imported everything, instead of being spawned one by
  one, so that 64 of them fit into memory and start within seconds.
"""

from __future__ import annotations

import io
import os
import resource
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType, SimpleNamespace
from typing import Any

from PIL import Image

from bench.service.processes import ROOT
from core.jobs.job import Loss
from core.params import StyleParams
from core.pictures.encode import Encoded

STEP_SECONDS = 0.05

_PICTURE = ROOT / "samples" / "styles" / "woodblock.jpg"

#: Imported once for all workers, before they are forked.
_IMPORTED = (
    *("celery.apps.worker", "celery.bin.celery", "redis"),
    *("celery.worker.consumer", "core.blobs.file", "worker.child", "worker.tasks"),
)


class Device:
    """The replacement of ``torch.device``."""

    type = "cpu"

    def __str__(self) -> str:
        return f"stand-in:{os.getpid()}"


@dataclass(frozen=True)
class Step:
    """The replacement of ``core.nst.Step``."""

    step: int
    steps: int
    image: None = None
    scale: int = 0
    scales: int = 1
    next_scale: int = 0
    width: int = 512
    height: int = 384

    @property
    def loss(self) -> Loss:
        return Loss(total=3.1415926, content=1.2345678, style=0.0019067, tv=0.0101)

    @property
    def fraction(self) -> float:
        return self.step / self.steps

    def pixels(self) -> None:
        """Return nothing: the encoders are replaced too."""

    def checkpoint_pieces(self, _label: str) -> list[bytes]:
        return [b"a checkpoint"]


def sleep_through(
    _pictures: object, params: StyleParams, _network: object, **_: object
) -> Iterator[Step]:
    """Yield the steps of a job on a fixed schedule, however long the consumer takes."""
    began = time.monotonic()
    for step in range(1, (params.steps or 1) + 1):
        time.sleep(max(0.0, began + step * STEP_SECONDS - time.monotonic()))
        yield Step(step, params.steps or 1)


def _module(name: str, **contents: Any) -> ModuleType:
    module = sys.modules[name] = ModuleType(name)
    vars(module).update(contents)
    return module


def install() -> None:
    """Install the replacements as the modules that the worker imports."""
    functional = _module("torch.nn.functional")
    nn = _module("torch.nn", functional=functional)
    known = {"device": Device, "OutOfMemoryError": MemoryError, "float32": "float32"}
    _module("torch", Tensor=object, nn=nn, **known)
    from core.pictures.bundle import Pictures

    network = SimpleNamespace(device=Device())
    _module(
        "core.nst",
        VGG19=object,
        Pictures=Pictures,
        Run=object,
        Step=Step,
        stylize=sleep_through,
        pick_device=lambda _: Device(),
        limit_threads=lambda most: most,
        fallback_warning=lambda *_: None,
        fetch_weights=lambda *_: None,
        load_network=lambda *_: network,
    )
    exact = SimpleNamespace(dtype=known["float32"])
    _module("core.nst.network.precision", pick_format=lambda *_: exact)
    _module("core.nst.network.devices", threads_on=lambda _: 1)
    _module(
        "core.nst.network.cuda.errors",
        is_out_of_memory=lambda error: isinstance(error, MemoryError),
        is_device_lost=lambda _: False,
    )
    _module("core.nst.network.rows.strips", USUAL_MEMORY=0)
    _module("core.nst.network.pixels", to_pixels=lambda _: None)
    _module("core.nst.provenance", provenance_of=lambda *_: None)
    from core.pictures.provenance.xmp import Metadata
    from worker import runner
    from worker.output import previews, results

    picture = Image.open(_PICTURE).convert("RGB")
    picture.thumbnail((512, 512))
    preview, result = io.BytesIO(), io.BytesIO()
    picture.save(preview, "JPEG", quality=85)
    picture.save(result, "PNG")
    small = Encoded(preview.getvalue(), "image/jpeg")
    large = Encoded(result.getvalue(), "image/png")
    vars(previews).update(shrink=lambda _: small, to_jpeg=lambda given: given)
    vars(runner).update(metadata_of=lambda *_: Metadata())
    vars(results).update(copies_of=lambda *_: {"preview": small}, encode=lambda *_: _own(large))


def _own(picture: Encoded) -> Encoded:
    """Return a file with a digest of its own."""
    return Encoded(picture.data + os.urandom(16), picture.media_type)


def _work(number: int) -> None:
    from worker.__main__ import app

    options = ["--without-mingle", "--without-gossip", "-n", f"fleet{number}@%h"]
    app.worker_main(["--quiet", "worker", *options])


def main() -> None:
    """Start workers until there are as many as the last line says; kill them at its end."""
    install()
    for name in _IMPORTED:
        import_module(name)
    from worker.__main__ import app

    app.conf.worker_pool_start_method = "fork"
    app.finalize()
    # A child process of billiard closes every possible file descriptor, which takes long for many.
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))
    workers: list[int] = []
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        for line in sys.stdin:
            for number in range(len(workers), int(line)):
                if pid := os.fork():
                    workers.append(pid)
                else:
                    os.setpgid(0, 0)
                    _work(number)
                    os._exit(0)
    finally:
        for pid in workers:
            os.killpg(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
