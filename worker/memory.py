"""How much memory the device has, and how much of it is free."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import torch

_MEMINFO = Path("/proc/meminfo")


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


def _available(meminfo: str) -> int:
    """What Linux could give without swapping: free pages and caches."""
    (line,) = (line for line in meminfo.splitlines() if line.startswith("MemAvailable:"))
    return int(line.split()[1]) * 1024
