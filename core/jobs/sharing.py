"""How the jobs that run on a host at a time share its cores and its memory."""

from __future__ import annotations

import math

from core.jobs.footprint import footprint, graph_bytes
from core.params import StyleParams
from core.params.choices import Precision

#: The memory of a worker's parent process, which runs no jobs: 80 MiB measured, and a margin.
_PARENT_BYTES = 100 * 2**20

#: Style targets that a process keeps between jobs, beyond the estimate of a job's memory.
_CACHE_BYTES = 128 * 2**20

#: What CUDA takes of a GPU for each process: the context, the kernels, and the workspaces of cuBLAS
#: and cuDNN. Of these, a context without a job has less than half. Not measured.
_CUDA_BYTES, _CUDA_GROWTH_BYTES = 700 * 2**20, 400 * 2**20

#: The longer side of the square job that each worker of ``auto`` has memory for.
_ROOMY = 1024

#: The part of a core that other programs may keep busy, and a job still has a thread for it.
_SHARED = 0.35


def workers_for(cores: float, memory: int) -> int:
    """Return how many jobs to run at a time with ``EASEL_WORKERS=auto``.

    One for each whole core: a long queue is worked off fastest with one thread a job. Fewer if
    the memory does not suffice for as many jobs of 1024 x 1024 with default parameters.

    Args:
        cores: the cores of the host, as ``core.runtime.resources`` counts them.
        memory: the memory of the host in bytes.
    """
    needed = footprint(StyleParams(), None).needed(_ROOMY**2)
    return max(1, min(math.floor(cores), (memory - _PARENT_BYTES) // (needed + _CACHE_BYTES)))


def memory_share(memory: int, workers: int) -> int:
    """Return the most memory that a job of one of several workers may need, in bytes.

    The shares are equal and fixed. So the jobs that run at a time fit together, whichever they
    are, and a job that is too large for a share is refused when it is posted.

    Args:
        memory: the memory of the host in bytes.
        workers: the number of workers that share it.
    """
    return max(0, (memory - _PARENT_BYTES) // workers - _CACHE_BYTES)


def gpu_memory_share(total: int, free: int, workers: int, precision: Precision | None) -> int:
    """Return the most memory that a job of one of several workers on a GPU may need, in bytes.

    Compared with this is the estimate of a job's memory, which was measured on the CPU. On a GPU,
    CUDA and the graph of a step come on top. Not measured on a GPU.

    Args:
        total: the memory of the GPU in bytes.
        free: what was free of it when the process started and had its CUDA context. What other
            programs have taken by then counts as theirs.
        workers: the number of workers that share the GPU.
        precision: what the worker uses with ``precision=auto``.
    """
    share = min(total // workers - _CUDA_BYTES, free - _CUDA_GROWTH_BYTES)
    return max(0, share - graph_bytes(precision) - _CACHE_BYTES)


def threads_for_job(
    cores: float, *, running: int, waiting: int, workers: int, others: float = 0
) -> int:
    """Return with how many threads a job computes.

    The job gets an equal share of the cores among the jobs that will run beside it. A job that is
    alone leaves out the cores that other programs keep busy: threads wait for each other many
    times a step, so one whose core is often taken slows the others down to its pace.

    Args:
        cores: the cores of the host.
        running: the jobs that run on the host now, this one included, of all deployments.
        waiting: the jobs that wait in the queue of this deployment.
        workers: how many jobs this deployment runs on the host at most.
        others: how many of these cores other processes keep busy.
    """
    soon = max(running, min(running + waiting, workers), 1)
    free = cores - others + _SHARED if running <= 1 else cores
    return max(1, math.floor(min(cores / soon, free)))
