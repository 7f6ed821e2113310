"""Runs beside busy processes, compared with a fair share: ``python -m bench.neighbours``.

A fair share of c cores beside k busy processes is c / (k + 1), which taking turns would give, or
the c - k cores that they cannot use, whichever is more. For another program, k is the number of
cores that it keeps busy while it has all of them. The run chooses its
threads and how they wait, as a worker and ``easel stylize`` do; for comparison, others have threads
that spin, as PyTorch's do by default. Each figure is the median of several rounds.

``--only`` chooses rows by words in their names; the three rows that a fair share is computed from
are always measured.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from statistics import median

import torch

from bench.beside import BUSY, Neighbour, OneCore, demand, neighbours, running
from core.nst import Pictures, load_network, pick_device, stylize
from core.params import StyleParams
from core.runtime.cpu import OtherProcesses
from core.runtime.malloc import keep_freed_memory
from core.runtime.resources import threads as threads_of_the_host
from core.settings.model import Settings
from worker.host.cores import SharedCores, open_slots
from worker.networks import calibration_pictures

#: A run that chooses its threads.
_EASEL = 0

#: How long other programs run before a run begins.
_SETTLE_SECONDS = 2


@dataclass(frozen=True)
class Row:
    """Runs that begin together, beside other processes."""

    name: str
    #: For each run its threads, which spin, or 0 for a run that chooses.
    runs: tuple[int, ...] = (_EASEL,)
    beside: tuple[str, ...] = ()
    #: The cores that the other processes keep busy while they have all of them.
    demand: float = 0
    #: For each run the group that it belongs to, if there are groups.
    groups: tuple[OneCore, ...] = ()
    #: Whether the other processes come when the runs have begun.
    late: bool = False

    def seconds(self, arguments: Sequence[str]) -> float:
        """Return the seconds until the last run has ended."""
        groups = self.groups or (None,) * len(self.runs)
        painters = [
            _start(threads, arguments, group)
            for threads, group in zip(self.runs, groups, strict=True)
        ]
        with running(() if self.late else self.beside):
            # A run asks what others did in the last moments before it begins.
            time.sleep(_SETTLE_SECONDS)
            for painter in painters:
                _say(painter, "go")
            if self.late:
                time.sleep(1)
            with running(self.beside if self.late else ()):
                return max(float(painter.communicate()[0]) for painter in painters)


def _start(threads: int, arguments: Sequence[str], group: OneCore | None) -> subprocess.Popen[str]:
    """Start a process that has loaded everything and waits for a word."""
    painter = subprocess.Popen(
        [sys.executable, "-m", "bench.neighbours", "--paint", str(threads), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=group.enter() if group else None,
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


def rows(most: int, others: Sequence[Neighbour], groups: tuple[OneCore, ...]) -> list[Row]:
    """Return what can be measured; a fair share is computed from the first three.

    Args:
        most: the cores of the machine.
        others: other programs to run beside.
        groups: two groups of one core each.
    """
    measured = [
        Row("alone"),
        Row("alone, spinning", (most,)),
        Row("alone, 1 thread", (1,)),
        Row("two runs at once", (_EASEL, _EASEL)),
        Row("two runs at once, spinning", (most, most)),
        Row(f"two runs, each in a {groups[0].kind} of one core", (_EASEL,) * 2, groups=groups),
    ]
    for k in (1, 2):
        name, busy = f"beside {k} busy", (BUSY,) * k
        measured += [
            Row(name, beside=busy, demand=k),
            Row(f"{name}, who came late", beside=busy, late=True, demand=k),
            Row(f"{name}, spinning", (most,), busy, demand=k),
        ]
    return [*measured, *(Row(f"beside {each.name}", beside=(each.command,)) for each in others)]


def fair_seconds(row: Row, most: int, seconds: dict[str, float]) -> float:
    """Return the seconds of a fair share.

    Args:
        row: what was measured.
        most: the cores of the machine.
        seconds: of every row by its name.
    """
    if row.groups:
        return seconds["alone, 1 thread"]
    if len(row.runs) > 1:  # one after the other
        return len(row.runs) * seconds["alone"]
    k = row.demand
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
    parser.add_argument("--only", nargs="+", default=[""], metavar="WORDS")
    parser.add_argument("--beside", action="append", default=[], metavar="COMMAND")
    parser.add_argument("--paint", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.paint is not None:
        print(paint(options.paint, options.size, options.steps), flush=True)
        return
    arguments = ["--size", str(options.size), "--steps", str(options.steps)]
    most = threads_of_the_host()
    groups = OneCore(0), OneCore(1)
    with neighbours() as installed:
        others = [*installed, *(Neighbour(command, command) for command in options.beside)]
        possible = rows(most, others, groups)
        chosen = [row for row in possible[3:] if any(words in row.name for words in options.only)]
        measured = [*possible[:3], *map(_with_demand, chosen)]
        times: dict[str, list[float]] = {row.name: [] for row in measured}
        for _ in range(options.rounds):
            for row in measured:
                times[row.name].append(row.seconds(arguments))
    for group in groups:
        group.close()
    seconds = {name: median(each) for name, each in times.items()}
    print("| | cores of the others | seconds | of a fair share's |\n|---|---|---|---|")
    for row in measured:
        ratio = seconds[row.name] / fair_seconds(row, most, seconds)
        print(f"| {row.name} | {row.demand:.1f} | {seconds[row.name]:.1f} | {ratio:.2f} |")


def _with_demand(row: Row) -> Row:
    """Measure what the other program of a row demands, unless that is known."""
    if row.demand or not row.beside:
        return row
    return replace(row, demand=demand(row.beside[0]))


if __name__ == "__main__":
    main()
