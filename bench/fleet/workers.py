"""Workers whose optimiser sleeps: ``python -m bench.fleet.workers``.

It reads the number of workers from its standard input, a line for each change.

Everything else is the real code: Celery's consumer and its child process, claims, leases, edits,
progress, previews, files, the reaper. The replacements:

- the run: a step sleeps for ``STEP_SECONDS``, a job has the number of steps in its parameters,
  and its checkpoints are a few bytes;
- the network, which is not loaded;
- encoding of pictures: the files are the same every time, of the usual size;
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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from types import SimpleNamespace

import torch
from PIL import Image
from torch import Tensor

from bench.service.processes import ROOT
from core.jobs.job import Loss
from core.params import StyleParams
from core.params.edits import Edit
from core.pictures.encode import Encoded

STEP_SECONDS = 0.05

_PICTURE = ROOT / "samples" / "styles" / "woodblock.jpg"

#: Imported once for all workers, before they are forked.
_IMPORTED = (
    *("celery.apps.worker", "celery.bin.celery", "redis"),
    *("celery.worker.consumer", "core.blobs.file", "worker.child", "worker.tasks"),
)

#: The picture of every step.
_IMAGE = torch.zeros(1, 3, 384, 512)


class Device:
    """The device of the network. Its name says which worker has run a job."""

    type = "cpu"

    def __str__(self) -> str:
        return f"stand-in:{os.getpid()}"


@dataclass(frozen=True)
class Step:
    """The replacement of ``core.nst.Step``."""

    step: int
    steps: int
    image: Tensor = _IMAGE
    scale: int = 0
    scales: int = 1
    next_scale: int = 0
    width: int = 512
    height: int = 384

    @property
    def loss(self) -> Sequence[float]:
        loss = Loss(total=3.1415926, content=1.2345678, style=0.0019067, tv=0.0101)
        return loss.total, loss.content, loss.style, loss.tv

    @property
    def fraction(self) -> float:
        return self.step / self.steps

    def has_strips(self, _memory: int) -> bool:
        return False

    def checkpoint_pieces(self, _label: str) -> list[bytes]:
        return [b"a checkpoint"]


class Run(Iterator[Step]):
    """The replacement of ``core.nst.Run``: steps on a fixed schedule, however slow the consumer."""

    def __init__(
        self, _pictures: object, params: StyleParams, _network: object = None, **_: object
    ) -> None:
        self.params = params
        self.memory = 0
        self.edits: tuple[Edit, ...] = ()
        self._made = 0
        self._began = time.monotonic()

    def __next__(self) -> Step:
        steps = self.params.steps or 1
        if self._made >= steps:
            raise StopIteration
        self._made += 1
        time.sleep(max(0.0, self._began + self._made * STEP_SECONDS - time.monotonic()))
        return Step(self._made, steps)

    def edit(self, edit: Edit) -> None:
        """Note an edit, which changes nothing."""
        self.edits += (edit,)


def install() -> None:
    """Put the replacements into the modules that use the originals."""
    from worker import networks, runner
    from worker.output import checkpoints, film, previews, results

    network = SimpleNamespace(device=Device(), digest="none")
    vars(networks).update(fetch_weights=lambda *_: None, load_network=lambda *_: network)
    vars(runner).update(stylize=Run)
    vars(checkpoints).update(stylize=Run)
    picture = Image.open(_PICTURE).convert("RGB")
    picture.thumbnail((512, 512))
    preview, result = io.BytesIO(), io.BytesIO()
    picture.save(preview, "JPEG", quality=85)
    picture.save(result, "PNG")
    small = Encoded(preview.getvalue(), "image/jpeg")
    large = Encoded(result.getvalue(), "image/png")
    for module in (previews, film):
        vars(module).update(shrink=lambda image: image, to_jpeg=lambda _: small)
    vars(results).update(
        copies_of=lambda *_: {"preview": small},
        content_copy=lambda *_: small,
        to_pixels=lambda image: image,
        encode=lambda *_: _own(large),
    )


def _own(picture: Encoded) -> Encoded:
    """Return a file with a digest of its own."""
    return Encoded(picture.data + os.urandom(16), picture.media_type)


def _work(number: int) -> None:
    from worker.__main__ import app

    options = ["--without-mingle", "--without-gossip", "-n", f"fleet{number}@%h"]
    app.worker_main(["--quiet", "worker", *options])


def main() -> None:
    """Start workers until there are as many as the last line says; kill them at its end."""
    for name in _IMPORTED:
        import_module(name)
    install()
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
