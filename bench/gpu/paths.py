"""Whether the device gives the right numbers: against the CPU, and recorded against plain."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor

from bench.gpu.machine import Machine, Row, difference, pictures
from core.nst import stylize
from core.nst.network.cuda.graphs import Record, record_for, recorded
from core.nst.objective import Objective
from core.nst.optimizers.optimizer import device_steps, make_optimizer
from core.nst.optimizers.point import Point
from core.params import Optimizer, Precision

#: Every way through the code, as parameters; ``masks`` adds two regions.
_WAYS: tuple[dict[str, object], ...] = (
    {},
    {"optimizer": "adam"},
    {"color": "content"},
    {"color": "match"},
    {"pooling": "average"},
    {"padding": "replicate"},
    {"init": "noise"},
    {"init": "style"},
    {"tv_weight": 5},
    {"style_statistics": "gram"},
    {"masks": True},
    {"precision": "bfloat16"},
    {"precision": "int8"},
)
#: The largest relative difference of the final loss from that in float32 on the CPU. Rounding is
#: amplified from step to step; a wrong kernel is off by far more.
_TOLERANCES = {Precision.FLOAT32: 0.02, Precision.BFLOAT16: 0.1, Precision.INT8: 0.1}


def against_the_cpu(machine: Machine) -> Iterator[Row]:
    """Compare six steps of every way with float32 on the CPU, and resume in the middle."""
    ours, theirs = machine.load(), machine.load(torch.device("cpu"))
    size = machine.smallest
    for way in _WAYS:
        given = {"precision": "float32", **way}
        bundle = pictures(size, size * 3 // 4, masks=bool(given.pop("masks", False)))
        params = machine.params(size=size, steps=6, pyramid="off", **given)
        exact = params.model_copy(update={"precision": Precision.FLOAT32})
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            steps = list(stylize(bundle, params, ours))
            *_, expected = stylize(bundle, exact, theirs)
            middle = steps[len(steps) // 2]
            *_, resumed = stylize(bundle, params, ours, resume=middle.checkpoint())
        relative = float(steps[-1].loss.total) / float(expected.loss.total) - 1
        equal = torch.equal(resumed.image, steps[-1].image)
        yield {
            "way": way,
            "relative": relative,
            "resumed_equal": equal,
            "warnings": [str(each.message)[:200] for each in seen],
            "ok": equal and abs(relative) <= _TOLERANCES[params.precision],
        }


def graphs(machine: Machine) -> Iterator[Row]:
    """Compare recorded steps with plain ones, alone and while other threads use the device."""
    network = machine.load()
    for size in machine.sizes:
        for optimizer in Optimizer:
            scale = machine.scale(network, size, optimizer=optimizer)
            if record_for(scale.start()) is None and machine.device.type == "cuda":
                continue  # too large
            for beside, work in _neighbours(machine).items():
                stop = threading.Event()
                thread = threading.Thread(target=_repeat, args=(work, stop))
                thread.start()
                try:
                    row = _compared(optimizer, scale.objective, scale.start())
                    yield {"optimizer": optimizer.value, "beside": beside, **row}
                finally:
                    stop.set()
                    thread.join()


def _compared(optimizer: Optimizer, objective: Objective, start: Tensor) -> Row:
    """Return how far ten recorded steps end from ten plain ones."""

    def evaluate(image: Tensor) -> Point:
        return Point(image, *objective.with_gradient(image))

    record: Record = record_for(start) or _plainly
    first, ends = evaluate(start), []
    for each in (record, _plainly):
        steps = device_steps(make_optimizer(optimizer, optimizer.learning_rate), first)
        steps.begin(first, 10)
        trial = recorded(each, partial(steps.trial, evaluate), steps.buffers())
        if trial is None:
            return {"size": max(start.shape), "recorded": False, "ok": False}
        ends.append(steps.advance(first, 10, trial))
    off = difference(ends[0].image, ends[1].image)
    row: Row = {"size": max(start.shape), "recorded": record is not _plainly}
    return {**row, "relative": off, "ok": off < 1e-3}


def _plainly(work: Callable[[], tuple[Tensor, Tensor]]) -> Callable[[], tuple[Tensor, Tensor]]:
    return work


def _neighbours(machine: Machine) -> dict[str, Callable[[], object]]:
    """Return what other threads of a worker do with the device."""
    x = torch.rand(512, 512, 3, device=machine.device)
    return {
        "nothing": lambda: None,
        "copies to the host": lambda: x.cpu(),
        "queries of the memory": machine.used_mib,
    }


def _repeat(work: Callable[[], object], stop: threading.Event) -> None:
    while not stop.wait(0.001):
        work()
