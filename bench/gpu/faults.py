"""What happens when the device fails or is full, and how several processes share it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator

import torch

from bench.gpu.machine import Machine, Row, pictures
from core.nst import stylize
from core.nst.network.cuda.errors import is_device_lost, is_out_of_memory
from worker.failures import failure_of

#: The processes that share the device.
_PROCESSES = (1, 2, 4)
_JOBS = 4


def no_memory(machine: Machine) -> Iterator[Row]:
    """Ask for more memory than there is, and then run a job in the same process."""
    error = _error_of(lambda: torch.empty(2**50, dtype=torch.uint8, device=machine.device))
    yield {
        "raised": _text(error),
        "told": None if error is None else failure_of(error).code,
        "ok": error is not None and is_out_of_memory(error) and not is_device_lost(error),
    }
    params = machine.params(size=machine.smallest, steps=4, pyramid="off")
    *_, last = stylize(pictures(96, 72), params, machine.load())
    yield {"next_job_total": float(last.loss.total), "ok": bool(torch.isfinite(last.loss.total))}


def lost_device(machine: Machine) -> Iterator[Row]:
    """Read beyond a tensor, and then try to compute. On a CPU, that is an ordinary error."""
    outside = torch.tensor([9], device=machine.device)
    for attempt in ("the error itself", "what follows"):
        error = _error_of(lambda: float(torch.zeros(1, device=machine.device)[outside].sum()))
        yield {
            "attempt": attempt,
            "raised": _text(error),
            "ok": machine.device.type != "cuda" or (error is not None and is_device_lost(error)),
        }


def processes(machine: Machine) -> Iterator[Row]:
    """Count the jobs a second of several processes that share the device."""
    for count in _PROCESSES:
        command = [sys.executable, "-m", "bench.gpu", "--one", "rate", *machine.arguments()]
        started = [
            subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(count)
        ]
        spans = [json.loads(each.communicate()[0].splitlines()[0]) for each in started]
        seconds = max(each["ended"] for each in spans) - min(each["began"] for each in spans)
        yield {"processes": count, "jobs_a_second": round(count * _JOBS / seconds, 3)}


def rate(machine: Machine) -> Iterator[Row]:
    """Run four jobs after a first one, and return when."""
    network, size = machine.load(), machine.sizes[min(1, len(machine.sizes) - 1)]
    params = machine.params(size=size)
    list(stylize(pictures(), params, network))
    began = time.time()
    for _ in range(_JOBS):
        list(stylize(pictures(), params, network))
    yield {"began": began, "ended": time.time()}


def _error_of(work: object) -> Exception | None:
    try:
        work()  # type: ignore[operator]
    except (RuntimeError, IndexError, MemoryError) as error:
        return error
    return None


def _text(error: Exception | None) -> str:
    return "nothing" if error is None else f"{type(error).__name__}: {error}".partition("\n")[0]
