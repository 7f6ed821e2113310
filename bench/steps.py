"""Seconds per step, beside its convolutions alone: ``python -m bench.steps [SIZE ...]``."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from core.heap import keep_freed_memory
from core.nst import Pictures, load_network, pick_device, stylize
from core.nst.convolution import Convolution, Int8Convolution, WayBack
from core.nst.devices import pick_dtype
from core.params import LAYERS, Precision, StyleParams
from core.settings import Settings
from worker.networks import calibration_pictures

_WARM_UP = 3
_STEPS = 20


def seconds_per_step(size: int) -> float:
    """The mean over the last of two scales, with the default parameters."""
    keep_freed_memory()  # as a worker does
    params = StyleParams(size=size, steps=_STEPS, pyramid=f"{size // 2}:2")
    network = load_network(params.network, Settings().weights_dir, pick_device())
    content, style = (
        picture.resize((size, size * 3 // 4)) for picture in calibration_pictures()[:2]
    )
    moments = []
    for step in stylize(Pictures(content, [style]), params, network):
        float(step.loss.total)  # waits for the device
        if step.scale == 1:
            moments.append(time.perf_counter())
    return (moments[-2] - moments[0]) / (_STEPS - 1)  # the last is judged in float32


def convolution_seconds(size: int) -> float:
    """What the thirteen convolutions of one step take, one by one, forth and back.

    In the format that a step computes in, at the size of a picture of 4:3: where that is
    8 bits, the mean of the first half of the steps and the second.
    """
    keep_freed_memory()
    device = pick_device()
    dtype = pick_dtype(Precision.AUTO, device)
    channels, height, width, total = 3, size * 3 // 4, size, 0.0
    for layer in LAYERS:
        if layer.endswith("_1") and layer != "conv1_1":
            height, width = height // 2, width // 2
        filters = min(512, 64 * 2 ** (int(layer[4]) - 1))
        int8 = dtype is torch.int8 and layer != LAYERS[0]
        seconds = (_in_8_bits if int8 else _in_one_format)(
            _random(device, torch.bfloat16 if dtype is torch.int8 else dtype, *shape)
            for shape in (
                (filters, channels, 3, 3),
                (1, channels, height, width),
                (1, filters, height, width),
            )
        )
        total += seconds
        channels = filters
    return total


def _in_one_format(tensors: Iterable[Tensor]) -> float:
    weight, x, g = tensors
    bias = torch.zeros(len(weight), device=weight.device, dtype=weight.dtype)
    convolution = Convolution(weight, bias, 1)
    y = torch.ones_like(g)
    return _seconds(lambda: convolution(x)) + _seconds(lambda: convolution.back(g, y))


def _in_8_bits(tensors: Iterable[Tensor]) -> float:
    weight, x, g = tensors
    bias = torch.zeros(len(weight), dtype=weight.dtype)
    way_back = WayBack.of(weight, 1)
    level = torch.full((weight.shape[1],), 1 / 255), torch.full((weight.shape[0],), 1.0)
    rough = Int8Convolution(weight, bias, 1, way_back, *level)
    levels, y = (x * 255).to(torch.uint8), torch.ones_like(g)
    forth = _seconds(lambda: rough(levels)) + _seconds(lambda: Convolution(weight, bias, 1)(x))
    return forth / 2 + _seconds(lambda: way_back(g, y))


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
        step, convolutions = seconds_per_step(size), convolution_seconds(size)
        print(
            f"{size:5d} px  {step:.3f} s per step, its convolutions alone {convolutions:.3f} s, "
            f"which is {convolutions / step:.0%}"
        )
