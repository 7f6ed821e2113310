"""How many cores other processes take from this one, by ``/proc/stat``."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import NamedTuple

from core.runtime.resources import spare_cores

#: Shorter intervals have too few ticks of the kernel's clock, which has 100 a second.
_MIN_SECONDS = 0.15


class CpuTimes(NamedTuple):
    """Times so far, in seconds."""

    wall: float
    #: Of all processes, over the cores that this one may use.
    busy: float
    #: Of this process.
    own: float


class OtherProcesses:
    """Measures the cores that other processes take from this one; threads may share it.

    In a container with a quota, the file has the times of the whole machine, on which others may
    keep some processors busy before they take any time from this process.

    Args:
        stat: the file with the times of all processes. On systems without it, other processes
            count as idle.
        spare: returns the cores that others may use without taking any from this process.
    """

    def __init__(
        self, stat: Path = Path("/proc/stat"), spare: Callable[[], float] = spare_cores
    ) -> None:
        self._stat = stat
        self._spare = spare
        self._before = self._read()
        self._cores = 0.0

    def cores(self) -> float:
        """Return the average number of taken cores since the last call, or 0.15 s earlier."""
        before, now = self._before, self._read()  # another thread may replace the first
        if now and before and now.wall - before.wall >= _MIN_SECONDS:
            self._cores = max(0.0, busy_cores(before, now) - self._spare())
            self._before = now
        return self._cores

    def _read(self) -> CpuTimes | None:
        try:
            text = self._stat.read_text()
        except OSError:
            return None
        usable = os.sched_getaffinity(0)
        yielding = os.nice(0) <= 0  # processes of positive niceness yield to this one
        busy = busy_ticks(text, usable, without_nice=yielding) / os.sysconf("SC_CLK_TCK")
        return CpuTimes(time.monotonic(), busy, time.process_time())


def busy_cores(before: CpuTimes, now: CpuTimes) -> float:
    """Return the average number of cores that others kept busy between two readings."""
    seconds = now.wall - before.wall
    others = (now.busy - before.busy) - (now.own - before.own)
    return max(0.0, others / seconds)


def busy_ticks(stat: str, cores: Collection[int], *, without_nice: bool) -> int:
    """Return the ticks that some cores were busy, or taken by other virtual machines.

    Args:
        stat: the text of ``/proc/stat``; see proc(5).
        cores: the numbers of the cores.
        without_nice: leave out processes of positive niceness.
    """
    names = {f"cpu{core}" for core in cores}
    ticks = 0
    for line in stat.splitlines():
        name, *columns = line.split()
        if name in names:
            user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, columns[:8])
            ticks += user + system + irq + softirq + steal
            ticks += 0 if without_nice else nice
    return ticks
