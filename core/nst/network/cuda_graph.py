"""CUDA graphs: the work of a step, recorded once and replayed as a whole.

A step consists of hundreds of small kernels. Launching them one by one takes time, which should
exceed the work itself where pictures are small; a CUDA graph is launched at once.

This has not run on a GPU yet. The first replay is therefore compared with a plain evaluation. If
they differ, or recording fails, steps are computed kernel by kernel, with a warning.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
from torch import Tensor

#: Evaluates an image, shape (1, C, H, W), to tensors of which the first is the total loss.
Evaluation = Callable[[Tensor], tuple[Tensor, ...]]

#: Steps on larger pictures should take longer than launching their kernels. A graph also keeps
#: all memory of a step for as long as it exists.
_MAX_PIXELS = 1024 * 1024

#: The largest relative difference between a replay and a plain evaluation.
_TOLERANCE = 1e-3


def recorded(evaluate: Evaluation, image: Tensor) -> Evaluation:
    """Return the evaluation as a CUDA graph, or unchanged where that is not possible.

    Args:
        evaluate: must not branch on computed values or synchronise with the device.
        image: an example input. Only images of its shape may be evaluated.
    """
    if not image.is_cuda or image.shape[2] * image.shape[3] > _MAX_PIXELS:
        return evaluate
    try:
        graph = Graph(evaluate, image)
        expected, replayed = float(evaluate(image)[0]), float(graph(image)[0])
    except RuntimeError as error:
        warnings.warn(
            f"steps cannot be recorded as a CUDA graph and will be slower: {error}", stacklevel=2
        )
        return evaluate
    if abs(replayed - expected) > _TOLERANCE * abs(expected):
        warnings.warn(
            f"the CUDA graph of a step gave a total of {replayed}, expected {expected}; "
            "steps are computed without it and will be slower",
            stacklevel=2,
        )
        return evaluate
    return graph


class Graph:
    """A CUDA graph of an evaluation.

    Args:
        evaluate: as for :func:`recorded`.
        image: an example input on a GPU.
    """

    def __init__(self, evaluate: Evaluation, image: Tensor) -> None:
        self._image = image.clone()
        # Libraries initialise themselves on a side stream before recording begins.
        current = torch.cuda.current_stream()
        side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side.wait_stream(current)
        with torch.cuda.stream(side):
            evaluate(self._image)
        current.wait_stream(side)
        torch.cuda.empty_cache()  # a graph has a memory pool of its own
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._outputs = evaluate(self._image)

    def __call__(self, image: Tensor) -> tuple[Tensor, ...]:
        """Return the outputs for an image of the recorded shape."""
        self._image.copy_(image)
        self._graph.replay()
        # The next replay overwrites the outputs.
        return tuple(output.clone() for output in self._outputs)
