"""Peak memory and time of a step: ``python -m bench.memory [SIZE ...]``.

``core.jobs.footprint`` estimates the memory of a job from these numbers. Pictures are square, on
the CPU. Each run has its own process, because a peak is that of the whole process. A first one
saves a checkpoint after its first step, to which the longest history of L-BFGS is added. The one
that is measured resumes from it, as another worker would, saves one too, and encodes its result.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar
from unittest.mock import patch

import torch
from PIL import Image

from core.blobs.blobs import Blobs
from core.blobs.file import FileBackend
from core.jobs.footprint import footprint
from core.jobs.pictures import JobPictures
from core.nst import VGG19, Pictures, load_network, stylize
from core.nst.checkpoint import Request
from core.nst.network import passes
from core.nst.network.precision import pick_format
from core.nst.network.rows.strips import USUAL_MEMORY, activations_at_once, block_strips
from core.nst.optimizers.lbfgs import LBFGS
from core.params import LARGE_PIXELS, Precision, StyleParams
from core.params.choices import PictureFormat
from core.pictures.encode import encode
from core.runtime.malloc import keep_freed_memory
from core.settings.model import Settings
from worker.host.memory import PeakMemory
from worker.networks import calibration_pictures
from worker.output.previews import thumbnail

_MIB = 2**20
_CPU = torch.device("cpu")
_T = TypeVar("_T")

#: The first step makes the checkpoint; the second has a full history.
_STEPS = 2

#: Computing a larger picture whole takes more memory than most machines have.
_LARGEST_WHOLE = 3072


@dataclass(frozen=True)
class Case:
    """A run to measure."""

    params: StyleParams
    styles: int
    #: Of the masks; 0 without masks.
    regions: int
    #: Of the device, in bytes.
    memory: int
    #: Whether the picture is computed whole, however large it is.
    whole: bool
    checkpoint: Path

    @property
    def strips(self) -> int:
        """The strips of the first block."""
        size = self.params.size
        if self.whole:
            return 1
        activations = activations_at_once(size, size, self.memory)
        return len(block_strips(["conv1_1", "conv1_2"], size, size, activations))


def save(case: Case) -> None:
    """Write the checkpoint of the first step, with its pair repeated to a full history."""
    pictures, network = _start(case)
    steps = stylize(pictures, case.params, network, memory=case.memory)
    next(steps)
    request = Request(pictures, case.params)
    state = request.unpack(next(steps).checkpoint(), network.device)
    pair = {name: tensor for name, tensor in state.items() if name.startswith("lbfgs.0.")}
    for number in range(1, LBFGS.history(case.params.size**2)):
        state |= {
            name.replace(".0.", f".{number}."): tensor.clone() for name, tensor in pair.items()
        }
    with case.checkpoint.open("wb") as file:
        file.writelines(request.pack(state))


def measure(case: Case) -> tuple[int, float]:
    """Return the peak of a resumed run in bytes, and the seconds of its step."""
    peak = PeakMemory(_CPU)
    pictures, network = _start(case)
    saved = case.checkpoint.read_bytes()
    steps = stylize(pictures, case.params, network, saved, memory=case.memory)
    del saved
    next(steps)
    if case.whole:
        before = time.perf_counter()
        next(steps)
        return peak.peak(), time.perf_counter() - before
    before = time.perf_counter()
    step = next(steps)
    seconds = time.perf_counter() - before
    Blobs(FileBackend(case.checkpoint.parent)).put_pieces(step.checkpoint_pieces())
    thumbnail(step.image)
    encode(step.pixels(), None, PictureFormat.PNG, 92)
    return peak.peak(), seconds


def _start(case: Case) -> tuple[Pictures, VGG19]:
    keep_freed_memory()  # as a worker does
    if case.whole:
        patch.object(passes, "activations_at_once", lambda *_, **__: 2**60).start()
    network = load_network(case.params.network, Settings().weights_dir, _CPU)
    content, *paintings = [
        picture.resize((case.params.size, case.params.size)) for picture in calibration_pictures()
    ]
    pictures = Pictures(content, [paintings[n % len(paintings)] for n in range(case.styles)])
    if case.regions:
        mask = _columns(case.params.size, case.regions)
        pictures = replace(pictures, content_mask=mask, style_masks=[mask] * case.styles)
    return pictures, network


def _columns(size: int, regions: int) -> Image.Image:
    """Return a mask with regions of equal width."""
    mask = Image.new("RGB", (size, size))
    for number in range(regions):
        edges = (number * size // regions, 0, (number + 1) * size // regions, size)
        mask.paste((number, 0, 0), edges)
    return mask


def _alone(function: Callable[[Case], _T], case: Case) -> _T:
    """Call a function in a process of its own."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, case).result()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sizes", nargs="*", type=int, default=[256, 512, 768, 1024])
    parser.add_argument("--precision", nargs="*", default=["bfloat16", "float32"])
    parser.add_argument("--optimizer", nargs="*", default=["lbfgs", "adam"])
    parser.add_argument("--styles", type=int, default=1, help="number of style pictures")
    parser.add_argument("--regions", type=int, default=0, help="number of regions of the masks")
    parser.add_argument(
        "--memory", type=float, default=USUAL_MEMORY / 2**30, help="of the device, in GiB"
    )
    parser.add_argument(
        "--whole", action="store_true", help="compute large pictures whole, too, to compare"
    )
    parser.add_argument(
        "--set", nargs="*", default=[], metavar="FIELD=VALUE", help="parameters of the job"
    )
    arguments = parser.parse_args()
    print("| size | precision | optimizer | strips | MiB | estimate | s a step | µs a pixel |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    for size, precision, optimizer in product(
        arguments.sizes, arguments.precision, arguments.optimizer
    ):
        fields = {"size": size, "precision": precision, "optimizer": optimizer}
        fields |= {"steps": _STEPS, "pyramid": "off"}
        fields |= dict(field.split("=", 1) for field in arguments.set)
        params = StyleParams.model_validate(fields)
        with TemporaryDirectory() as folder:
            memory, file = round(arguments.memory * 2**30), Path(folder, "checkpoint")
            styles, regions = arguments.styles, arguments.regions
            case = Case(params, styles, regions, memory, whole=False, checkpoint=file)
            _alone(save, case)
            _print(case)
            if arguments.whole and LARGE_PIXELS < size**2 <= _LARGEST_WHOLE**2:
                _print(replace(case, whole=True))


def _estimate(case: Case, automatic: Precision) -> int:
    """Return the estimate of a case, in bytes."""
    pixels = case.params.size**2
    decoded = 4 * pixels * (1 + case.styles) + 7 * pixels * (1 + case.styles) * bool(case.regions)
    pictures = JobPictures(pixels, (pixels,) * case.styles, case.regions, decoded_bytes=decoded)
    return footprint(case.params, automatic, pictures).needed(pixels)


def _print(case: Case) -> None:
    params = case.params
    peak, seconds = _alone(measure, case)
    automatic = Precision.FLOAT32
    if pick_format(Precision.AUTO, _CPU).dtype is torch.bfloat16:
        automatic = Precision.BFLOAT16
    estimate = _estimate(case, automatic)
    print(
        f"| {params.size} | {params.precision.value} | {params.optimizer.value} "
        f"| {'whole' if case.strips == 1 else case.strips} | {peak / _MIB:.0f} "
        f"| {'' if case.whole else f'{estimate / _MIB:.0f}'} | {seconds:.2f} "
        f"| {seconds / params.size**2 * 1e6:.2f} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
