"""How fast steps and whole jobs are, and how much memory they take."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial

import torch

from bench.gpu.machine import Machine, Row, pictures
from bench.loop import STYLE_WEIGHT, Loop
from core.jobs.footprint import footprint, graph_bytes
from core.nst import stylize
from core.nst.descent import Descent
from core.nst.network.cuda.graphs import record_for
from core.nst.network.pixels import in_unit_range
from core.nst.network.precision import pick_format
from core.nst.objective import Objective
from core.nst.optimizers.optimizer import make_optimizer
from core.params import Optimizer, Precision
from core.pictures.encode import encode
from worker.host.memory import PeakMemory

#: Operations of the convolutions of a step for each pixel, forward and backward, up to conv5_1.
_FLOPS_A_PIXEL = 1.444e6


def step_times(machine: Machine) -> Iterator[Row]:
    """Time steps of L-BFGS, recorded and plain, and their evaluation alone.

    What a step takes beyond its evaluation is the optimiser's. The ceiling is a large product of
    matrices in bfloat16.
    """
    network, ceiling = machine.load(), _ceiling(machine)
    for size in machine.sizes:
        scale = machine.scale(network, size)
        start, pixels = scale.start(), scale.width * scale.height
        evaluate = partial(scale.objective.with_gradient, start)
        evaluation = machine.milliseconds(evaluate, 5)
        for name, choose in (("recorded", record_for), ("plain", lambda _: None)):
            optimizer = make_optimizer(Optimizer.LBFGS, 1.0, scale.preconditioner(), 3e-4)
            step = _milliseconds_a_step(machine, Descent(start, optimizer, choose), scale.objective)
            yield {
                "size": size,
                "pixels": pixels,
                "steps": name,
                "ms_a_step": round(step, 3),
                "ms_an_evaluation": round(evaluation, 3),
                "of_ceiling": round(_FLOPS_A_PIXEL * pixels / (step / 1e3) / ceiling, 4),
            }


def jobs(machine: Machine) -> Iterator[Row]:
    """Time whole jobs with default parameters: a new shape, a known one, and another new one."""
    network = machine.load()
    for size in machine.sizes[1:3] or machine.sizes:
        for width, height in ((2048, 1536), (2048, 1536), (2048, 1365)):
            bundle, memory = pictures(width, height), PeakMemory(machine.device)
            began = time.perf_counter()
            steps = stylize(bundle, machine.job_params(size), network)
            step = next(steps)
            image = step.pixels()
            first = time.perf_counter() - began
            for step in steps:  # noqa: B007
                pass
            image = step.pixels()
            painted = time.perf_counter() - began
            encode(image, None, machine.params().format, 92)
            yield {
                "size": size,
                "picture": [width, height],
                "first_s": round(first, 3),
                "painted_s": round(painted, 3),
                "encoded_s": round(time.perf_counter() - began - painted, 3),
                "total": float(step.loss.total),
                "peak_mib": memory.peak() // 2**20,
            }


def memory(machine: Machine) -> Iterator[Row]:
    """Compare the peak of the device with the estimate that jobs are refused by.

    Beside the estimate, a worker keeps room for a graph.
    """
    network = machine.load()
    for precision in (Precision.BFLOAT16, Precision.FLOAT32):
        for size in machine.sizes:
            params = machine.params(size=size, steps=12, pyramid="off", precision=precision)
            if machine.device.type == "cuda":
                torch.cuda.empty_cache()
            chosen = pick_format(precision, machine.device).dtype
            known = Precision.FLOAT32 if chosen is torch.float32 else Precision.BFLOAT16
            needed = footprint(params, known).needed(size * size)
            total = needed + graph_bytes(known)
            peak = PeakMemory(machine.device)
            list(stylize(pictures(size, size), params, network, memory=needed))
            yield {
                "size": size,
                "precision": precision.value,
                "peak_mib": peak.peak() // 2**20,
                "used_mib": machine.used_mib(),
                "estimate_mib": needed // 2**20,
                "with_graph_mib": total // 2**20,
                "ok": machine.device.type != "cuda" or peak.peak() <= total,
            }


def usual_loop(machine: Machine) -> Iterator[Row]:
    """Time a step of the usual loop, which ``bench.speed`` compares Easel with on a CPU.

    In float32, and with the factors of convolutions rounded to 10 bits (TF32), as torch does by
    default on a GPU. Easel's own settings of cuDNN are undone.
    """
    weights = machine.weights / machine.network.filename
    network, cudnn = machine.load(), torch.backends.cudnn
    cudnn.deterministic = False
    for size in machine.sizes[:3]:
        scale = machine.scale(network, size)
        loop = Loop(weights, scale.content, in_unit_range(scale.styles[0]), 1.0, STYLE_WEIGHT)
        for rounding in ("ieee", "tf32"):
            cudnn.conv.fp32_precision = rounding  # type: ignore[attr-defined]
            step = machine.milliseconds(loop.step, min(10, machine.steps))
            yield {"size": size, "convolutions": rounding, "ms_a_step": round(step, 3)}


def _milliseconds_a_step(machine: Machine, descent: Descent, objective: Objective) -> float:
    moments: list[tuple[int, float]] = []
    for _ in descent.follow(objective, machine.steps):
        machine.synchronize()
        moments.append((descent.step, time.perf_counter()))
    first, began = next(each for each in moments if each[0] >= machine.steps // 3)
    last, ended = moments[-1]
    return 1e3 * (ended - began) / max(1, last - first)


def _ceiling(machine: Machine) -> float:
    """Return the operations a second of a large product of matrices in bfloat16."""
    side = 8192 if machine.device.type == "cuda" else 256
    a = torch.rand(side, side, device=machine.device).bfloat16()
    return 2 * side**3 / (machine.milliseconds(lambda: a @ a, 5) / 1e3)
