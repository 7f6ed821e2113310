"""The work of a step on a GPU, recorded once and asked for as a whole.

A step is hundreds of small pieces of work. Asking a GPU for them one by one takes time of its
own, which should be longer than the work itself where pictures are small; a CUDA graph is asked
for at once.

This has not been run on a GPU yet. So what is recorded is compared with what was computed
before, and if it is anything else, or cannot be recorded, steps are made piece by piece.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
from torch import Tensor

from core.nst.objective import LossTerms

#: Gives the terms at a picture, and the gradient of the total.
WithGradient = Callable[[Tensor], tuple[LossTerms, Tensor]]

#: With larger pictures, making a step should take longer than asking for one; and what
#: is recorded holds all memory of a step for as long as it may be asked for.
_MOST_PIXELS = 1024 * 1024

#: Two computations of the same total differ by less.
_CLOSE = 1e-3


def recorded(evaluate: WithGradient, image: Tensor) -> WithGradient:
    """The same function for pictures of this shape, as a CUDA graph if they are on a GPU.

    Args:
        evaluate: without a branch that depends on what is computed; it never waits for the GPU.
        image: shape (1, C, H, W).
    """
    if not image.is_cuda or image.shape[2] * image.shape[3] > _MOST_PIXELS:
        return evaluate
    try:
        graph = Graph(evaluate, image)
        expected, found = float(evaluate(image)[0].total), float(graph(image)[0].total)
    except RuntimeError as error:
        warnings.warn(f"steps cannot be recorded, and take longer: {error}", stacklevel=2)
        return evaluate
    if abs(found - expected) > _CLOSE * abs(expected):
        reason = f"a total of {found} was found, {expected} expected"
        warnings.warn(
            f"steps are recorded wrongly, and made piece by piece: {reason}", stacklevel=2
        )
        return evaluate
    return graph


class Graph:
    """A CUDA graph of an evaluation.

    Args:
        evaluate: as above.
        image: on a GPU.
    """

    def __init__(self, evaluate: WithGradient, image: Tensor) -> None:
        self._image = image.clone()
        # Before anything is recorded, libraries set themselves up beside the usual stream.
        usual = torch.cuda.current_stream()
        beside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        beside.wait_stream(usual)
        with torch.cuda.stream(beside):
            evaluate(self._image)
        usual.wait_stream(beside)
        torch.cuda.empty_cache()  # a graph has memory of its own
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._answer = evaluate(self._image)

    def __call__(self, image: Tensor) -> tuple[LossTerms, Tensor]:
        """The terms and the gradient at a picture of the shape that was recorded."""
        self._image.copy_(image)
        self._graph.replay()
        loss, gradient = self._answer
        # The next one will be written to the same memory.
        return LossTerms(*(term.clone() for term in vars(loss).values())), gradient.clone()
