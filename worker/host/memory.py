"""Memory of the device and of this process."""

from __future__ import annotations

import os
import resource
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch

from core.jobs.sharing import gpu_memory_share, memory_share
from core.params.choices import Precision
from core.runtime.resources import memory_available, memory_limit

_STATM = Path("/proc/self/statm")
_STATUS = Path("/proc/self/status")

#: Linux resets the peak of this process to its current memory when a 5 is written here.
_CLEAR_REFS = Path("/proc/self/clear_refs")


@dataclass(frozen=True)
class DeviceMemory:
    """The memory of a GPU, or for the CPU that of the cgroup or host, in bytes."""

    total: int
    available: int

    @classmethod
    def of(cls, device: torch.device) -> DeviceMemory:
        """Measure the memory of the device."""
        if device.type == "cuda":
            free, total = torch.cuda.mem_get_info(device)
            return cls(total, free + torch.cuda.memory_reserved(device))
        return cls(memory_limit(), memory_available())


class WorkerMemory:
    """What a job of this process may use of its device.

    What is free of a GPU is measured once: other programs keep what they have, and later the
    memory of this process's own jobs would have to be told from theirs.

    Args:
        device: the device.
        workers: the number of processes that share it.
        precision: what they use with ``precision=auto``.
    """

    def __init__(
        self, device: torch.device, workers: int, precision: Precision | None = None
    ) -> None:
        self._device = device
        self._workers = workers
        self._precision = precision
        self._at_start = DeviceMemory.of(device)

    def measure(self) -> DeviceMemory:
        """Return the share of a job, and how much of it is available now."""
        now = DeviceMemory.of(self._device)
        if self._device.type == "cuda":
            start = self._at_start
            total = gpu_memory_share(start.total, start.available, self._workers, self._precision)
        else:
            total = memory_share(now.total, self._workers)
        return DeviceMemory(total, min(total, now.available))


class PeakMemory:
    """The peak memory since construction: a GPU's according to torch, else this process's.

    Where the peak of a process cannot be reset, it is the peak since the process started.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        else:
            with suppress(OSError):
                _CLEAR_REFS.write_text("5")

    def peak(self) -> int:
        """Return the peak in bytes."""
        if self._device.type == "cuda":
            return torch.cuda.max_memory_allocated(self._device)
        if _STATUS.exists():
            return _read_kib(_STATUS, "VmHWM:")
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def resident_bytes() -> int | None:
    """Return the host memory that this process occupies where the system reports it, else None."""
    if not _STATM.exists():
        return None
    return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _read_kib(file: Path, name: str) -> int:
    """Return the value of one line of a ``/proc`` file, which is in KiB, in bytes."""
    (line,) = (line for line in file.read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024
