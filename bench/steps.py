"""Seconds per step of the optimiser: ``python -m bench.steps [SIZE ...]``."""

from __future__ import annotations

import sys
import time
from itertools import islice

from core.nst import Pictures, load_network, pick_device, stylize
from core.params import StyleParams
from core.settings import Settings
from worker.networks import calibration_pictures

_WARM_UP = 3
_STEPS = 10


def seconds_per_step(size: int) -> float:
    """The mean over some steps after a warm-up, with the default parameters."""
    params = StyleParams(size=size, steps=_WARM_UP + _STEPS, pyramid="off")
    network = load_network(params.network, Settings().weights_dir, pick_device())
    content, style = calibration_pictures()[:2]
    steps = stylize(Pictures(content, [style]), params, network)
    for _ in islice(steps, _WARM_UP + 1):
        pass
    started = time.perf_counter()
    for step in steps:
        float(step.loss.total)  # waits for the device
    return (time.perf_counter() - started) / _STEPS


if __name__ == "__main__":
    for size in [int(argument) for argument in sys.argv[1:]] or [256, 512]:
        print(f"{size:5d} px  {seconds_per_step(size):.3f} s per step")
