"""What happens when the device fails or is full, and how several processes share it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import torch

from bench.gpu.machine import Machine, Row, complete_rows, pictures
from core.nst import stylize
from core.nst.network.cuda.errors import is_device_lost, is_out_of_memory
from worker.failures import failure_of

#: The processes that share the device, and the jobs that each runs: fewer on a CPU.
_PROCESSES, _JOBS = (1, 2, 4), 4
_CPU_PROCESSES, _CPU_JOBS = (1, 2), 1


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
    on_gpu = machine.device.type == "cuda"
    for count in _PROCESSES if on_gpu else _CPU_PROCESSES:
        command = [sys.executable, "-m", "bench.gpu", "--one", "rate", *machine.arguments()]
        started = [
            subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(count)
        ]
        spans = [_first_row(each) for each in started]
        if failed := [span["failed"] for span in spans if "failed" in span]:
            yield {"processes": count, "failed": failed[0], "ok": False}
            continue
        seconds = max(each["ended"] for each in spans) - min(each["began"] for each in spans)
        jobs = sum(each["jobs"] for each in spans)
        yield {"processes": count, "jobs_a_second": round(jobs / seconds, 3)}


def rate(machine: Machine) -> Iterator[Row]:
    """Run some jobs after a first one, and return when."""
    network, size = machine.load(), machine.sizes[min(1, len(machine.sizes) - 1)]
    params, bundle = machine.job_params(size), pictures()
    jobs = _JOBS if machine.device.type == "cuda" else _CPU_JOBS
    list(stylize(bundle, params, network))
    machine.synchronize()
    began = time.time()
    for _ in range(jobs):
        list(stylize(bundle, params, network))
    machine.synchronize()
    yield {"jobs": jobs, "began": began, "ended": time.time()}


def _first_row(process: subprocess.Popen[str]) -> dict[str, Any]:
    text, _ = process.communicate()
    rows = complete_rows(text)
    return rows[0] if rows else {"failed": f"a process ended with status {process.returncode}"}


def _error_of(work: object) -> Exception | None:
    try:
        work()  # type: ignore[operator]
    except (RuntimeError, IndexError, MemoryError) as error:
        return error
    return None


def _text(error: Exception | None) -> str:
    return "nothing" if error is None else f"{type(error).__name__}: {error}".partition("\n")[0]
