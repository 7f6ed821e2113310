"""The largest size of a job: that of the deployment, or what the workers' memory allows."""

from __future__ import annotations

from collections.abc import Collection

from core.jobs.footprint import footprint
from core.jobs.workers import WorkerInfo
from core.params import StyleParams

#: The largest size of any job.
MOST = 16384

#: The largest size while the memory of no worker is known.
UNKNOWN = 2048


def accepted_size(setting: int | None, workers: Collection[WorkerInfo]) -> int:
    """Return the largest size that a request may have.

    Whether a picture of that size fits into a worker's memory depends on its other side, and is
    checked by :meth:`core.jobs.admission.Admission.check_memory`.

    Args:
        setting: the limit of the deployment; None for what the workers' memory allows.
        workers: the live workers.
    """
    if setting is not None:
        return setting
    known = workers and all(each.memory_total_bytes is not None for each in workers)
    return MOST if known else UNKNOWN


def offered_size(setting: int | None, workers: Collection[WorkerInfo]) -> int:
    """Return the largest size at which a square picture fits, with the default parameters.

    Args:
        setting, workers: as for :func:`accepted_size`.
    """
    if setting is not None:
        return setting
    memories = [(each.memory_total_bytes, each.precision) for each in workers]
    sizes = [
        footprint(StyleParams(), precision).largest_size(MOST + 1, (MOST + 1) ** 2, memory)
        for memory, precision in memories
        if memory is not None
    ]
    return max((size for size in sizes if size), default=UNKNOWN)
