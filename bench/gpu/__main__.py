"""``make gpu-check``: what Easel does on this machine's GPU, within eight minutes.

Each section runs in a process of its own, within its time limit, so that one that fails or hangs
costs only its own results. The rows go to standard output and to a file, one JSON object a line;
``docs/gpu.md`` is written from it. On a machine without a GPU it runs on the CPU, with small
pictures and few steps, and the page says so.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch

from bench.gpu import faults, paths, speed
from bench.gpu.machine import Machine, Row, complete_rows
from bench.gpu.page import PAGE, write_page
from core.nst import fetch_weights, pick_device
from core.params import LAYERS, Network, StyleParams
from core.settings.model import Settings
from worker.networks import calibration_pictures

Section = Callable[[Machine], Iterator[Row]]


def about(machine: Machine) -> Iterator[Row]:
    """Yield what the rows are measured on."""
    row: Row = {"device": str(machine.device), "torch": torch.__version__}
    row |= {"python": platform.python_version(), "sizes": machine.sizes, "steps": machine.steps}
    first = machine.load(torch.device("cpu")).convolutions[LAYERS[0]]
    row["filters"] = len(first.weight)  # type: ignore[attr-defined]
    if machine.device.type == "cuda":
        properties = torch.cuda.get_device_properties(machine.device)
        row |= {
            "gpu": properties.name,
            "capability": [properties.major, properties.minor],
            "memory_mib": properties.total_memory // 2**20,
            "context_mib": machine.used_mib(),
            "cudnn": torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]
        }
    yield row


#: By name, in the order of importance, with the seconds that each may take: 480 in all.
SECTIONS: dict[str, tuple[Section, float]] = {
    "machine": (about, 25),
    "paths": (paths.against_the_cpu, 80),
    "graphs": (paths.graphs, 55),
    "steps": (speed.step_times, 75),
    "jobs": (speed.jobs, 60),
    "memory": (speed.memory, 60),
    "no-memory": (faults.no_memory, 20),
    "lost-device": (faults.lost_device, 15),
    "processes": (faults.processes, 60),
    "loop": (speed.usual_loop, 30),
}
#: Only other sections run these.
_INNER: dict[str, Section] = {"rate": faults.rate}

_ROWS = PAGE.with_suffix(".jsonl")


def run_here(name: str, section: Section, machine: Machine) -> Iterator[Row]:
    """Yield the rows of a section, and a last one that has its seconds or its error."""
    started = time.perf_counter()
    try:
        for row in section(machine):
            yield {"section": name, **row}
    except Exception as error:
        traceback.print_exc()
        yield {"section": name, "failed": f"{type(error).__name__}: {error}"[:500], "ok": False}
    yield {"section": name, "seconds": round(time.perf_counter() - started, 1)}


def run_apart(name: str, limit: float, arguments: Sequence[str]) -> Iterator[Row]:
    """Yield the rows of a section that runs in a process of its own, within a time limit.

    Args:
        name: of the section.
        limit: in seconds.
        arguments: of this command, which say where and how large.
    """
    command = [sys.executable, "-m", "bench.gpu", "--one", name, *arguments]
    late = False
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            text, _ = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            late = True
            os.killpg(process.pid, signal.SIGKILL)  # with the processes that it has started
            text, _ = process.communicate()
    rows: list[Row] = [*complete_rows(text)]
    yield from rows
    if late:
        yield {"section": name, "failed": f"it took more than {limit:g} s", "ok": False}
    elif not rows or "seconds" not in rows[-1]:
        failed = f"its process ended with exit status {process.returncode}"
        yield {"section": name, "failed": failed, "ok": False}


def check(names: Sequence[str], factor: float, arguments: Sequence[str]) -> Iterator[Row]:
    """Yield the rows of several sections, of which one that fails costs only its own.

    This process does not touch the device: what it kept there would count in the measurements.

    Args:
        names: the sections.
        factor: on their time limits.
        arguments: as for :func:`run_apart`.
    """
    for name in names:
        yield from run_apart(name, SECTIONS[name][1] * factor, arguments)


def main() -> None:
    """Run one section or all of them."""
    options, arguments = _options()
    if options.one:
        machine = _machine(options)
        section = _INNER[options.one] if options.one in _INNER else SECTIONS[options.one][0]
        for row in run_here(options.one, section, machine):
            print(json.dumps(row), flush=True)
        return
    fetch_weights(options.network, options.weights, calibration_pictures)
    names = dict.fromkeys(["machine", *(options.sections or SECTIONS)])
    rows: list[Row] = []
    for row in check([*names], options.limit, arguments):
        print(json.dumps(row), flush=True)
        rows.append(row)
        # After every row, so that a check that is ended keeps what it has measured.
        options.rows.write_text("".join(json.dumps(each) + "\n" for each in rows))
        write_page(rows, options.page)
    if not all(row.get("ok", True) for row in rows):
        raise SystemExit('some sections failed; see the rows with "ok": false')


def _options() -> tuple[argparse.Namespace, list[str]]:
    """Return the options, and as arguments those that a section needs."""
    parser = argparse.ArgumentParser(prog="bench.gpu", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--weights", type=Path, default=Settings().weights_dir)
    parser.add_argument("--network", type=Network, default=StyleParams().network)
    parser.add_argument("--sizes", type=int, nargs="+")
    parser.add_argument("--steps", type=int)
    parser.add_argument("sections", nargs="*", help=f"some of: {', '.join(SECTIONS)}")
    parser.add_argument("--limit", type=float, default=1.0, help="a factor on all time limits")
    parser.add_argument("--rows", type=Path, default=_ROWS)
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    arguments = ["--device", options.device, "--weights", str(options.weights)]
    arguments += ["--network", options.network.value]
    if options.sizes:
        arguments += ["--sizes", *map(str, options.sizes)]
    if options.steps:
        arguments += ["--steps", str(options.steps)]
    return options, arguments


def _machine(options: argparse.Namespace) -> Machine:
    device = pick_device(options.device)
    on_gpu = device.type == "cuda"
    return Machine(
        device,
        options.weights,
        options.network,
        tuple(options.sizes or ((256, 512, 1024, 2048) if on_gpu else (64, 96))),
        options.steps or (60 if on_gpu else 6),
    )


if __name__ == "__main__":
    main()
