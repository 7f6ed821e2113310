"""How many jobs a worker runs at a time."""

from __future__ import annotations

from pathlib import Path

from core.jobs.sharing import workers_for
from core.runtime.resources import cores, memory_limit
from core.settings.model import Settings

#: What NVIDIA's driver creates, on Linux and in its subsystem for Windows.
_GPU_FILES = (Path("/dev/nvidiactl"), Path("/dev/dxg"))


def number_of_workers(settings: Settings) -> int:
    """Return how many jobs a worker with these settings runs at a time.

    ``auto`` is one on a GPU, which jobs would only take turns on. The parent process, which has
    no torch to ask, takes a machine with NVIDIA's driver for one with a GPU.
    """
    if settings.workers != "auto":
        return settings.workers
    may_use_gpu = settings.device != "cpu"
    if may_use_gpu and (settings.device != "auto" or any(file.exists() for file in _GPU_FILES)):
        return 1
    return workers_for(cores(), memory_limit())
