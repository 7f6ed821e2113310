"""Seconds per optimiser step: ``python -m bench.steps [SIZE ...]``.

Also prints the seconds of the step's convolutions alone. Parameters are the defaults, on this
machine's device. The largest scale has two phases: features may be in 8 bits only in the first.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from itertools import pairwise
from statistics import median
from typing import NamedTuple

import torch
from torch import Tensor

from core.nst import Pictures, load_network, pick_device, stylize
from core.nst.network.convolution import PlainConvolution
from core.nst.network.int8 import Int8BackwardConvolution, Int8Convolution
from core.nst.network.precision import INT8, INT8_AND_FLOAT32, pick_format
from core.params import LAYERS, Padding, Precision, StyleParams
from core.runtime.malloc import keep_freed_memory
from core.settings.model import Settings
from worker.networks import calibration_pictures

_WARM_UP = 3
_STEPS = 20


class Phases(NamedTuple):
    """Seconds in the two phases of the largest scale."""

    int8: float
    plain: float


def seconds_per_step(size: int) -> Phases:
    """Return the median over the steps of each phase, with the default parameters."""
    keep_freed_memory()  # as a worker does
    steps = 2 * (_WARM_UP + _STEPS)
    params = StyleParams(size=size, steps=steps, pyramid=f"{size // 2}:2")
    network = load_network(params.network, Settings().weights_dir, pick_device())
    content, style = (
        picture.resize((size, size * 3 // 4)) for picture in calibration_pictures()[:2]
    )
    times = []
    for step in stylize(Pictures(content, [style]), params, network):
        float(step.loss.total)  # waits for the device
        if step.scale == 1:
            times.append(time.perf_counter())
    seconds = [after - before for before, after in pairwise(times)]
    # The last step of a phase is yielded together with what follows it.
    phases = seconds[: steps // 2 - 1], seconds[steps // 2 : -1]
    return Phases(*(median(phase[_WARM_UP:]) for phase in phases))


def convolution_seconds(width: int, height: int) -> Phases:
    """Return the seconds of a step's thirteen convolutions, forward and backward, one by one.

    They compute in the number formats of a step, for a picture of that size.
    """
    keep_freed_memory()
    device = pick_device()
    number_format = pick_format(Precision.AUTO, device)
    channels, int8, plain = 3, 0.0, 0.0
    for layer in LAYERS:
        if layer.endswith("_1") and layer != "conv1_1":
            height, width = height // 2, width // 2
        filters = min(512, 64 * 2 ** (int(layer[4]) - 1))
        shapes = (
            (filters, channels, 3, 3),
            (1, channels, height, width),
            (1, filters, height, width),
        )
        seconds = _plain_seconds(_random(device, number_format.dtype, *shape) for shape in shapes)
        if number_format.int8 and layer != LAYERS[0]:
            quantised = _quantised_seconds(_random(device, INT8.dtype, *shape) for shape in shapes)
            mixed = number_format is INT8_AND_FLOAT32
            seconds = Phases(quantised.int8, seconds.plain if mixed else quantised.plain)
        int8, plain = int8 + seconds.int8, plain + seconds.plain
        channels = filters
    return Phases(int8, plain)


def _plain_seconds(tensors: Iterable[Tensor]) -> Phases:
    weight, x, g = tensors
    bias = torch.zeros(len(weight), device=weight.device, dtype=weight.dtype)
    convolution = PlainConvolution(weight, bias, Padding.ZERO)
    y = torch.ones_like(g)
    both = _seconds(lambda: convolution.forward(x)) + _seconds(lambda: convolution.backward(g, y))
    return Phases(both, both)


def _quantised_seconds(tensors: Iterable[Tensor]) -> Phases:
    weight, x, g = tensors
    bias = torch.zeros(len(weight), dtype=weight.dtype)
    plain = Int8BackwardConvolution(weight, bias, Padding.ZERO)
    scales = torch.full((weight.shape[1],), 1 / 255), torch.full((weight.shape[0],), 1.0)
    quantised = Int8Convolution(plain, *scales)
    features, y = (x * 255).to(torch.uint8), torch.ones_like(g)
    backward = _seconds(lambda: plain.backward(g, y))
    return Phases(
        _seconds(lambda: quantised.forward(features)) + backward,
        _seconds(lambda: plain.forward(x)) + backward,
    )


def _random(device: torch.device, dtype: torch.dtype, *shape: int) -> Tensor:
    x = torch.rand(shape, device=device).to(dtype)
    return x.contiguous(memory_format=torch.channels_last)


def _seconds(work: Callable[[], object]) -> float:
    """Return the least seconds of several calls."""
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
        steps, alone = seconds_per_step(size), convolution_seconds(size, size * 3 // 4)
        for phase, step, convolutions in zip(("int8", "plain"), steps, alone, strict=True):
            print(
                f"{size:5d} px, {phase:5s} phase: {step:.3f} s per step, of which convolutions "
                f"alone take {convolutions:.3f} s ({convolutions / step:.0%})"
            )
