"""Peak memory of a run: ``python -m bench.memory [SIZE ...]``.

``core.jobs.footprint`` estimates the memory of a job from these numbers. Pictures are square, on
the CPU. Each run has its own process, because a peak is that of the whole process. A run saves a
checkpoint after its first step, to which the longest history of L-BFGS is added. A second run
resumes from it, as another worker would, and encodes its result.
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

#: The first step makes the checkpoint; the second has a full history.
_STEPS = 2


def peak_bytes(params: StyleParams, styles: int) -> int:
    """Return the peak of this process after a resumed run with a number of style pictures."""
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
    """Return the checkpoint of the first step, with its pair repeated to a full history."""
    steps = stylize(pictures, params, network)
    next(steps)
    request = Request(pictures, params)
    state = request.unpack(next(steps).checkpoint(), network.device)
    pair = {name: tensor for name, tensor in state.items() if name.startswith("lbfgs.0.")}
    for number in range(1, LBFGS.history(params.size**2)):
        state |= {
            name.replace(".0.", f".{number}."): tensor.clone() for name, tensor in pair.items()
        }
    return request.pack(state)


def main() -> None:
    """Print the table; with a single case, its row."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sizes", nargs="*", type=int, default=[256, 512, 768, 1024])
    parser.add_argument("--precision", nargs="*", default=["bfloat16", "float32"])
    parser.add_argument("--optimizer", nargs="*", default=["lbfgs", "adam"])
    parser.add_argument("--styles", type=int, default=1, help="number of style pictures")
    parser.add_argument(
        "--set", nargs="*", default=[], metavar="FIELD=VALUE", help="parameters of the job"
    )
    arguments = parser.parse_args()
    cases = list(product(arguments.sizes, arguments.precision, arguments.optimizer))
    if len(cases) > 1:
        print("| size | precision | optimizer | MiB | estimate | ratio |")
        print("|---|---|---|---|---|---|", flush=True)
        options = ["--styles", str(arguments.styles), "--set", *arguments.set]
        for size, precision, optimizer in cases:
            case = [str(size), "--precision", precision, "--optimizer", optimizer]
            subprocess.run([sys.executable, "-m", "bench.memory", *case, *options], check=True)
        return
    ((size, precision, optimizer),) = cases
    fields = {"size": size, "precision": precision, "optimizer": optimizer}
    fields |= {"steps": _STEPS, "pyramid": "off"}
    fields |= dict(field.split("=", 1) for field in arguments.set)
    params = StyleParams.model_validate(fields)
    peak = peak_bytes(params, arguments.styles)
    estimate = footprint(params, None).needed(size * size)
    print(
        f"| {size} | {precision} | {optimizer} | {peak / _MIB:.0f} | {estimate / _MIB:.0f} "
        f"| {estimate / peak:.2f} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
