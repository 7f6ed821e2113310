"""Seconds per step, beside its convolutions alone: ``python -m bench.steps [SIZE ...]``."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import islice

import torch

from core.heap import keep_freed_memory
from core.nst import Pictures, load_network, pick_device, stylize
from core.nst.convolution import Convolution, Int8Convolution
from core.nst.devices import pick_dtype
from core.params import LAYERS, Precision, StyleParams
from core.settings import Settings
from worker.networks import calibration_pictures

_WARM_UP = 3
_STEPS = 10


def seconds_per_step(size: int) -> float:
    """The mean over some steps after a warm-up, with the default parameters."""
    keep_freed_memory()  # as a worker does
    params = StyleParams(size=size, steps=_WARM_UP + _STEPS, pyramid="off")
    network = load_network(params.network, Settings().weights_dir, pick_device())
    content, style = (
        picture.resize((size, size * 3 // 4)) for picture in calibration_pictures()[:2]
    )
    steps = stylize(Pictures(content, [style]), params, network)
    for _ in islice(steps, _WARM_UP + 1):
        pass
    started = time.perf_counter()
    for step in steps:
        float(step.loss.total)  # waits for the device
    return (time.perf_counter() - started) / _STEPS


def convolution_seconds(size: int) -> float:
    """What the thirteen convolutions of one step take, one by one, forth and back.

    In the format that a step computes in, at the size of a picture of 4:3.
    """
    keep_freed_memory()
    device = pick_device()
    dtype = pick_dtype(Precision.AUTO, device)
    kind = Int8Convolution if dtype is torch.int8 else Convolution
    dtype = torch.bfloat16 if dtype is torch.int8 else dtype
    channels, height, width, total = 3, size * 3 // 4, size, 0.0
    for layer in LAYERS:
        if layer.endswith("_1") and layer != "conv1_1":
            height, width = height // 2, width // 2
        filters = min(512, 64 * 2 ** (int(layer[4]) - 1))
        x = _random(device, dtype, 1, channels, height, width)
        weight = _random(device, dtype, filters, channels, 3, 3)
        bias = torch.zeros(filters, device=device, dtype=dtype)
        g = _random(device, dtype, 1, filters, height, width)
        convolution = (Convolution if layer == LAYERS[0] else kind)(weight, bias, 1)
        total += _seconds(partial(convolution, x)) + _seconds(partial(convolution.back, g))
        channels = filters
    return total


def _random(device: torch.device, dtype: torch.dtype, *shape: int) -> torch.Tensor:
    x = torch.rand(shape, device=device).to(dtype)
    return x.contiguous(memory_format=torch.channels_last)


def _seconds(work: Callable[[], object]) -> float:
    """The fastest of some."""
    times = []
    for _ in range(_WARM_UP + _STEPS):
        started = time.perf_counter()
        work()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        times.append(time.perf_counter() - started)
    return min(times[_WARM_UP:])


if __name__ == "__main__":
    for size in [int(argument) for argument in sys.argv[1:]] or [256, 512]:
        step, convolutions = seconds_per_step(size), convolution_seconds(size)
        print(
            f"{size:5d} px  {step:.3f} s per step, its convolutions alone {convolutions:.3f} s, "
            f"which is {convolutions / step:.0%}"
        )
