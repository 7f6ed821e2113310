"""Peak memory of a run: ``python -m bench.memory [SIZE ...]``, for ``core.jobs.admission``.

Square pictures on the CPU, each run in a process of its own: a peak is of a whole
process. The run saves a checkpoint after its first step, which is given as much
history as L-BFGS ever remembers; another run goes on from it as another worker
would, and encodes its result.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
from itertools import product

import torch

from core.jobs.footprint import footprint
from core.nst import VGG19, Pictures, load_network, stylize
from core.nst.checkpoint import Request
from core.nst.optimizers.lbfgs import LBFGS
from core.params import StyleParams
from core.params.choices import PictureFormat
from core.pictures.encode import encode
from core.runtime.malloc import keep_freed_memory
from core.settings.model import Settings
from worker.networks import calibration_pictures
from worker.previews import thumbnail

_MIB = 2**20

#: The first makes the checkpoint, and the other has a full history.
_STEPS = 2


def peak_bytes(params: StyleParams, styles: int) -> int:
    """Of this process, after a run with so many style pictures that was interrupted once."""
    keep_freed_memory()  # as a worker does
    network = load_network(params.network, Settings().weights_dir, torch.device("cpu"))
    content, *paintings = [
        picture.resize((params.size, params.size)) for picture in calibration_pictures()
    ]
    pictures = Pictures(content, [paintings[n % len(paintings)] for n in range(styles)])
    for step in stylize(pictures, params, network, resume=_saved(pictures, params, network)):
        float(step.loss.total)
        step.checkpoint()
    thumbnail(step.image)
    encode(step.pixels(), None, PictureFormat.PNG, 92)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _saved(pictures: Pictures, params: StyleParams, network: VGG19) -> bytes:
    """The checkpoint of the first step, with the one pair of its history as often as it may be."""
    steps = stylize(pictures, params, network)
    next(steps)
    request = Request(pictures, params)
    state = request.unpack(next(steps).checkpoint(), network.device)
    pair = {name: tensor for name, tensor in state.items() if name.startswith("lbfgs.0.")}
    for number in range(1, LBFGS.HISTORY):
        again = {name.replace(".0.", f".{number}."): tensor for name, tensor in pair.items()}
        state |= {name: tensor.clone() for name, tensor in again.items()}
    return request.pack(state)


def main() -> None:
    """Read the command line, and print the table, or one line of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sizes", nargs="*", type=int, default=[256, 512, 768, 1024])
    parser.add_argument("--precision", nargs="*", default=["bfloat16", "float32"])
    parser.add_argument("--optimizer", nargs="*", default=["lbfgs", "adam"])
    parser.add_argument("--styles", type=int, default=1, help="how many style pictures")
    parser.add_argument("--set", nargs="*", default=[], metavar="FIELD=VALUE", help="of the job")
    given = parser.parse_args()
    cases = list(product(given.sizes, given.precision, given.optimizer))
    if len(cases) > 1:
        print("| size | precision | optimizer | MiB | estimate | ratio |")
        print("|---|---|---|---|---|---|", flush=True)
        options = ["--styles", str(given.styles), "--set", *given.set]
        for size, precision, optimizer in cases:
            chosen = [str(size), "--precision", precision, "--optimizer", optimizer]
            subprocess.run([sys.executable, "-m", "bench.memory", *chosen, *options], check=True)
        return
    ((size, precision, optimizer),) = cases
    fields = {"size": size, "precision": precision, "optimizer": optimizer}
    params = StyleParams.model_validate(
        {**fields, "steps": _STEPS, "pyramid": "off", **dict(e.split("=", 1) for e in given.set)}
    )
    peak = peak_bytes(params, given.styles)
    needed = footprint(params, None).needed(size * size)
    print(
        f"| {size} | {precision} | {optimizer} | {peak / _MIB:.0f} | {needed / _MIB:.0f} "
        f"| {needed / peak:.2f} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
