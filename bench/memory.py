"""Peak memory of a run: ``python -m bench.memory [SIZE ...]``, for ``core.admission``."""

from __future__ import annotations

import resource
import subprocess
import sys

import torch

from core.nst import Pictures, load_network, stylize
from core.params import StyleParams
from core.settings import Settings
from worker.networks import calibration_pictures

_STEPS = 3


def peak_bytes(size: int) -> int:
    """Of this process, after a short run on the CPU with square pictures."""
    params = StyleParams(size=size, steps=_STEPS)
    network = load_network(params.network, Settings().weights_dir, torch.device("cpu"))
    content, style = (picture.resize((size, size)) for picture in calibration_pictures()[:2])
    for step in stylize(Pictures(content, [style]), params, network):
        float(step.loss.total)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    sizes = [int(argument) for argument in sys.argv[1:]] or [256, 512, 768, 1024]
    if len(sizes) == 1:
        print(f"{sizes[0]:5d} px  {peak_bytes(sizes[0]) / 2**20:.0f} MiB")
    else:  # a peak is of a whole process, so each size has its own
        for size in sizes:
            subprocess.run([sys.executable, "-m", "bench.memory", str(size)], check=True)
