"""CUDA graphs: the work of a step, recorded once and replayed as a whole.

A step consists of hundreds of small kernels. Launching them one by one takes time, which should
exceed the work itself where pictures are small; a CUDA graph is launched at once.

This has not run on a GPU yet. So the first replay is compared with the same work done kernel by
kernel, at another picture than the one that was recorded. If they differ, or recording fails, this
process records nothing more, with a warning.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache, partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

from core.nst.network.cuda.errors import is_device_lost, is_out_of_memory
from core.params import LARGE_PIXELS

#: Work on tensors that keep their places. Returns the total loss and the gradient that it saw.
Work = Callable[[], tuple[Tensor, Tensor]]
#: Makes a recording of some work, which does the same.
Record = Callable[[Work], Work]

#: The largest relative difference of the total, and of the gradient as a vector.
_TOTAL_TOLERANCE = 1e-3
_GRADIENT_TOLERANCE = 1e-2

#: Whether this process still records. What failed once would fail for every job.
_enabled = True


def record_for(image: Tensor) -> Record | None:
    """Return what records the steps on an image; None where that is not possible or worth while.

    Args:
        image: shape (1, C, H, W).
    """
    # Steps on larger pictures should take longer than launching their kernels, a graph keeps all
    # memory of a step for as long as it exists, and L-BFGS keeps larger pairs in bfloat16.
    small = image.shape[2] * image.shape[3] <= LARGE_PIXELS
    return partial(Graph, image.device) if _enabled and image.is_cuda and small else None


def recorded(record: Record, work: Work, buffers: Sequence[Tensor]) -> Work | None:
    """Return a recording of the work whose replay was compared with it; None if there is none.

    Args:
        record: makes the recording.
        work: must write to the buffers only, change the picture in them, and neither branch on
            computed values nor wait for the device.
        buffers: the tensors that the work reads and writes. Their values are the same afterwards.

    Raises:
        RuntimeError: the device failed.
    """
    before = _copies(buffers)
    outcome = _attempt(record, work, buffers, before)
    if isinstance(outcome, _Failure) and outcome.no_memory:
        # While a step is recorded, torch does not give back the memory that it keeps for later.
        torch.cuda.empty_cache()
        outcome = _attempt(record, work, buffers, before)
    if isinstance(outcome, _Failure):
        _give_up(outcome)
        return None
    return outcome


class Graph:
    """A CUDA graph.

    All graphs of a process are recorded on one stream, and share one pool of memory: no two of
    them run at a time, and nothing in the pool is needed between two replays, except the results
    of the graph that exists.

    Args:
        device: of the tensors.
        work: as for :func:`recorded`. It was done once before, because libraries prepare
            themselves the first time, which cannot be recorded.
    """

    def __init__(self, device: torch.device, work: Work) -> None:
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.device(device):  # streams and recordings are those of the current device
            self._outputs = _place(device).record(self._graph, work)

    def __call__(self) -> tuple[Tensor, Tensor]:
        """Do the work again. The next replay overwrites the results."""
        self._graph.replay()
        return self._outputs


class _Place(NamedTuple):
    """Where the graphs of a device are recorded."""

    stream: torch.cuda.Stream
    pool: Any
    #: A graph that is never replayed. Torch would give up a pool without a graph.
    keeper: torch.cuda.CUDAGraph

    def record(self, graph: torch.cuda.CUDAGraph, work: Work) -> tuple[Tensor, Tensor]:
        """Record the work without ``torch.cuda.graph``, which frees the cache of the allocator.

        Other threads may use the device meanwhile: previews are encoded, and memory is measured.
        """
        current = torch.cuda.current_stream()
        torch.cuda.synchronize()
        with torch.cuda.stream(self.stream):
            graph.capture_begin(pool=self.pool, capture_error_mode="thread_local")
            try:
                outputs = work()
            except BaseException:
                with suppress(RuntimeError):  # which would only say that recording has failed
                    graph.capture_end()
                raise
            graph.capture_end()
        current.wait_stream(self.stream)
        return outputs


@cache
def _place(device: torch.device) -> _Place:
    stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    place = _Place(stream, torch.cuda.graph_pool_handle(), torch.cuda.CUDAGraph())
    number = torch.zeros((), device=device)
    place.record(place.keeper, lambda: (number + 1, number + 2))
    return place


class _ReplayDiffers(Exception):
    pass


class _Failure(NamedTuple):
    """Why there is no recording. Unlike the error, it keeps no tensors in memory."""

    reason: str
    no_memory: bool


def _attempt(
    record: Record, work: Work, buffers: Sequence[Tensor], before: Sequence[Tensor]
) -> Work | _Failure | None:
    """Return the checked recording; None if the loss is not finite. The buffers are as before."""
    outcome: Work | _Failure | None
    try:
        outcome = _checked(record, work, buffers, before)
    except (RuntimeError, _ReplayDiffers) as error:
        if is_device_lost(error):
            raise
        outcome = _Failure(str(error), is_out_of_memory(error))
    _restore(buffers, before)
    return outcome


def _checked(
    record: Record, work: Work, buffers: Sequence[Tensor], before: Sequence[Tensor]
) -> Work | None:
    """Return the recording; None if the loss is not finite, so that it cannot be compared."""
    work()
    at_another_picture = _copies(buffers)
    _restore(buffers, before)
    replay = record(work)
    _restore(buffers, at_another_picture)
    total, gradient = (each.clone() for each in replay())
    _restore(buffers, at_another_picture)
    expected_total, expected_gradient = work()
    if not torch.isfinite(expected_total):
        return None
    for name, ours, expected, tolerance in (
        ("total", total, expected_total, _TOTAL_TOLERANCE),
        ("gradient", gradient, expected_gradient, _GRADIENT_TOLERANCE),
    ):
        difference = float(torch.linalg.vector_norm(ours - expected))
        size = float(torch.linalg.vector_norm(expected))
        if not difference <= tolerance * size:  # also if it is not a number
            raise _ReplayDiffers(f"the {name} differs by {difference:g} of {size:g}")
    return replay


def _give_up(failure: _Failure) -> None:
    global _enabled
    reason = failure.reason
    if failure.no_memory:  # for this picture; a smaller one may fit
        torch.cuda.empty_cache()
        reason = "there is too little memory for it"
    else:
        _enabled = False
    warnings.warn(
        f"steps cannot be recorded as a CUDA graph and will be slower: {reason}", stacklevel=3
    )


def _copies(tensors: Sequence[Tensor]) -> list[Tensor]:
    return [tensor.clone() for tensor in tensors]


def _restore(tensors: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    for tensor, value in zip(tensors, values, strict=True):
        tensor.copy_(value)
