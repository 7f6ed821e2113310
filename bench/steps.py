"""Seconds per step, beside its convolutions alone: ``python -m bench.steps [SIZE ...]``."""

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
from core.nst.network.precision import pick_format
from core.params import LAYERS, Padding, Precision, StyleParams
from core.runtime.malloc import keep_freed_memory
from core.settings.model import Settings
from worker.networks import calibration_pictures

_WARM_UP = 3
_STEPS = 20


class Halves(NamedTuple):
    """Seconds in the first half of the steps at the largest scale, and in the second."""

    first: float
    second: float


def seconds_per_step(size: int) -> Halves:
    """The median over each half, with the default parameters."""
    keep_freed_memory()  # as a worker does
    steps = 2 * (_WARM_UP + _STEPS)
    params = StyleParams(size=size, steps=steps, pyramid=f"{size // 2}:2")
    network = load_network(params.network, Settings().weights_dir, pick_device())
    content, style = (
        picture.resize((size, size * 3 // 4)) for picture in calibration_pictures()[:2]
    )
    moments = []
    for step in stylize(Pictures(content, [style]), params, network):
        float(step.loss.total)  # waits for the device
        if step.scale == 1:
            moments.append(time.perf_counter())
    took = [after - before for before, after in pairwise(moments)]
    # The last step of a half is told with what comes after it.
    halves = took[: steps // 2 - 1], took[steps // 2 : -1]
    return Halves(*(median(half[_WARM_UP:]) for half in halves))


def convolution_seconds(width: int, height: int) -> Halves:
    """What the thirteen convolutions of one step take, one by one, forth and back.

    In the formats that a step computes in, for a picture of that size.
    """
    keep_freed_memory()
    device = pick_device()
    number_format = pick_format(Precision.AUTO, device)
    channels, first, second = 3, 0.0, 0.0
    for layer in LAYERS:
        if layer.endswith("_1") and layer != "conv1_1":
            height, width = height // 2, width // 2
        filters = min(512, 64 * 2 ** (int(layer[4]) - 1))
        int8 = number_format.int8 and layer != LAYERS[0]
        quantised, exact = (_in_8_bits if int8 else _in_one_format)(
            _random(device, number_format.dtype, *shape)
            for shape in (
                (filters, channels, 3, 3),
                (1, channels, height, width),
                (1, filters, height, width),
            )
        )
        first, second = first + quantised, second + exact
        channels = filters
    return Halves(first, second)


def _in_one_format(tensors: Iterable[Tensor]) -> Halves:
    weight, x, g = tensors
    bias = torch.zeros(len(weight), device=weight.device, dtype=weight.dtype)
    convolution = PlainConvolution(weight, bias, Padding.ZERO)
    y = torch.ones_like(g)
    both = _seconds(lambda: convolution.forward(x)) + _seconds(lambda: convolution.backward(g, y))
    return Halves(both, both)


def _in_8_bits(tensors: Iterable[Tensor]) -> Halves:
    weight, x, g = tensors
    bias = torch.zeros(len(weight), dtype=weight.dtype)
    exact = Int8BackwardConvolution(weight, bias, Padding.ZERO)
    scales = torch.full((weight.shape[1],), 1 / 255), torch.full((weight.shape[0],), 1.0)
    quantised = Int8Convolution(exact, *scales)
    features, y = (x * 255).to(torch.uint8), torch.ones_like(g)
    backward = _seconds(lambda: exact.backward(g, y))
    return Halves(
        _seconds(lambda: quantised.forward(features)) + backward,
        _seconds(lambda: exact.forward(x)) + backward,
    )


def _random(device: torch.device, dtype: torch.dtype, *shape: int) -> Tensor:
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
        steps, alone = seconds_per_step(size), convolution_seconds(size, size * 3 // 4)
        for half, step, convolutions in zip(("first", "second"), steps, alone, strict=True):
            print(
                f"{size:5d} px, {half} half: {step:.3f} s per step, its convolutions alone "
                f"{convolutions:.3f} s, which is {convolutions / step:.0%}"
            )
