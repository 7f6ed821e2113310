"""How much memory the device has, and how much of it is free."""

from __future__ import annotations

import os
import resource
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch

_MEMINFO = Path("/proc/meminfo")
_STATM = Path("/proc/self/statm")

#: On Linux: a 5 written here sets the peak of this process back to what it has now.
_CLEAR = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")


@dataclass(frozen=True)
class Memory:
    """In bytes."""

    total: int
    available: int


def memory_of(device: torch.device) -> Memory:
    """The memory of a GPU, or this host's for the CPU."""
    if device.type == "cuda":
        available, total = torch.cuda.mem_get_info(device)
        return Memory(total, available)
    page = os.sysconf("SC_PAGE_SIZE")
    total = os.sysconf("SC_PHYS_PAGES") * page
    if _MEMINFO.exists():
        return Memory(total, _available(_MEMINFO.read_text()))
    return Memory(total, total)  # other systems do not say; what is free changes anyway


class PeakMemory:
    """The most memory in use from now on: a GPU's by torch, else this process's.

    Where the peak of a process cannot be set back, it is that of its whole life.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        else:
            with suppress(OSError):
                _CLEAR.write_text("5")

    def peak(self) -> int:
        """In bytes."""
        if self._device.type == "cuda":
            return torch.cuda.max_memory_allocated(self._device)
        if _STATUS.exists():
            return _line(_STATUS.read_text(), "VmHWM:")
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def resident_bytes() -> int | None:
    """What this process holds of the host's memory, where the system says."""
    if not _STATM.exists():
        return None
    return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _available(meminfo: str) -> int:
    """What Linux could give without swapping: free pages and caches."""
    return _line(meminfo, "MemAvailable:")


def _line(text: str, name: str) -> int:
    """The bytes that a line of /proc says, in kB."""
    (line,) = (line for line in text.splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024
