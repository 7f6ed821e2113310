"""Runs beside busy processes, compared with a fair share: ``python -m bench.neighbours``.

A fair share of the cores is what a run would have if it took turns with the other processes: with
k of them on c cores, c / (k + 1) cores, but never fewer than k of them leave over. The run chooses
its threads and how they wait, as a worker and ``easel stylize`` do; for comparison, others have
threads that spin, as PyTorch's do by default. All rows are measured in one go, and each is the
median of several rounds.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from statistics import median

import torch

from core.nst import Pictures, load_network, pick_device, stylize
from core.params import StyleParams
from core.runtime.cpu import OtherProcesses
from core.runtime.malloc import keep_freed_memory
from core.runtime.resources import threads as threads_of_the_host
from core.settings.model import Settings
from worker.host.cores import SharedCores, open_slots
from worker.networks import calibration_pictures

_BUSY = f"{shlex.quote(sys.executable)} -c 'while True: pass'"

#: A run that chooses its threads.
_EASEL = 0


@dataclass(frozen=True)
class Row:
    """Runs that begin together, beside other processes."""

    name: str
    #: For each run its threads, which spin, or 0 for a run that chooses.
    runs: tuple[int, ...] = (_EASEL,)
    beside: tuple[str, ...] = ()
    #: Whether the other processes come when the runs have begun.
    late: bool = False

    def seconds(self, arguments: Sequence[str]) -> float:
        """Return the seconds until the last run has ended."""
        painters = [_start(threads, arguments) for threads in self.runs]
        neighbours = [] if self.late else self._start_neighbours()
        time.sleep(1)  # a run asks what others did in the last moments before it begins
        for painter in painters:
            _say(painter, "go")
        if self.late:
            time.sleep(1)
            neighbours = self._start_neighbours()
        try:
            return max(float(painter.communicate()[0]) for painter in painters)
        finally:
            for neighbour in neighbours:
                neighbour.kill()
                neighbour.wait()

    def _start_neighbours(self) -> list[subprocess.Popen[bytes]]:
        null = subprocess.DEVNULL
        return [
            subprocess.Popen(shlex.split(line), stdout=null, stderr=null) for line in self.beside
        ]


def _start(threads: int, arguments: Sequence[str]) -> subprocess.Popen[str]:
    """Start a process that has loaded everything and waits for a word."""
    painter = subprocess.Popen(
        [sys.executable, "-m", "bench.neighbours", "--paint", str(threads), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert painter.stdout
    painter.stdout.readline()
    return painter


def _say(painter: subprocess.Popen[str], word: str) -> None:
    assert painter.stdin
    painter.stdin.write(f"{word}\n")
    painter.stdin.flush()


def paint(threads: int, size: int, steps: int) -> float:
    """Return the seconds that a picture takes in this process, after a first short one.

    Args:
        threads: the number of threads, which spin; 0 for a run that chooses.
        size: the longer side, in pixels.
        steps: of the largest scale.
    """
    keep_freed_memory()
    network = load_network(StyleParams().network, Settings().weights_dir, pick_device())
    content, style = calibration_pictures()[:2]
    pictures = Pictures(content, [style])
    others = OtherProcesses()
    torch.set_num_threads(threads or 1)
    for _ in stylize(pictures, StyleParams(size=64, steps=1), network):
        pass
    print("ready", flush=True)
    sys.stdin.readline()
    chosen = SharedCores(open_slots(Settings()), others=others.cores).job()
    started = time.perf_counter()
    with nullcontext() if threads else chosen:
        for _ in stylize(pictures, StyleParams(size=size, steps=steps), network):
            pass
    return time.perf_counter() - started


def rows(most: int, commands: Sequence[str]) -> list[Row]:
    """Return what is measured.

    Args:
        most: the cores of the machine.
        commands: other processes to run beside.
    """
    measured = [
        Row("alone"),
        Row("alone, spinning", (most,)),
        Row("alone, 1 thread", (1,)),
        Row("two runs at once", (_EASEL, _EASEL)),
        Row("two runs at once, spinning", (most, most)),
    ]
    for k in (1, 2):
        name, busy = f"beside {k} busy", (_BUSY,) * k
        measured += [
            Row(name, beside=busy),
            Row(f"{name}, who came late", beside=busy, late=True),
            Row(f"{name}, spinning", (most,), busy),
        ]
    return [*measured, *(Row(f"beside {command}", beside=(command,)) for command in commands)]


def fair_seconds(row: Row, most: int, seconds: dict[str, float]) -> float | None:
    """Return the seconds of a fair share; None if that is unknown.

    Args:
        row: what was measured.
        most: the cores of the machine.
        seconds: of every row by its name.
    """
    if any(command != _BUSY for command in row.beside):
        return None
    if len(row.runs) > 1:  # one after the other
        return len(row.runs) * seconds["alone"]
    k = len(row.beside)
    share = max(most / (k + 1), most - k)
    # Between one thread and all of them, by what more threads give here.
    if share <= 1:
        return seconds["alone, 1 thread"] / share
    whole, single = seconds["alone, spinning"], seconds["alone, 1 thread"]
    serial = (whole - single / most) / (1 - 1 / most)
    return serial + (single - serial) / share


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--beside", action="append", default=[], metavar="COMMAND")
    parser.add_argument("--paint", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.paint is not None:
        print(paint(options.paint, options.size, options.steps), flush=True)
        return
    arguments = ["--size", str(options.size), "--steps", str(options.steps)]
    most = threads_of_the_host()
    measured = rows(most, options.beside)
    times: dict[str, list[float]] = {row.name: [] for row in measured}
    for _ in range(options.rounds):
        for row in measured:
            times[row.name].append(row.seconds(arguments))
    seconds = {name: median(each) for name, each in times.items()}
    print("| | seconds | of a fair share's |\n|---|---|---|")
    for row in measured:
        fair = fair_seconds(row, most, seconds)
        ratio = f"{seconds[row.name] / fair:.2f}" if fair else ""
        print(f"| {row.name} | {seconds[row.name]:.1f} | {ratio} |")


if __name__ == "__main__":
    main()
