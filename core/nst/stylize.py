"""A Neural Algorithm of Artistic Style, on one page.

Gatys, Ecker and Bethge, 2015 (arXiv 1508.06576). The departures from it are
marked where they are made, and listed in ``docs/algorithm.md``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor

from core.errors import CheckpointMismatch, LossNotFinite
from core.nst import checkpoint
from core.nst.objective import LossTerms, Objective
from core.nst.optimizers import Adam
from core.nst.tensors import to_picture, to_tensor
from core.nst.vgg import VGG19
from core.params import StyleParams


@dataclass(frozen=True)
class Step:
    """The picture after ``step`` of ``steps`` updates, and the objective at it."""

    step: int
    steps: int
    width: int
    height: int
    loss: LossTerms
    #: Shape (1, 3, height, width), RGB in [0, 1]. It changes with the next step.
    image: Tensor
    #: The optimiser's, likewise.
    state: dict[str, Tensor]

    def picture(self) -> Image.Image:
        """The picture as it is now, in 8 bits."""
        return to_picture(self.image)

    def checkpoint(self) -> bytes:
        """The run's whole state as it is now, for ``stylize(..., resume=...)``."""
        return checkpoint.pack({"step": torch.tensor(self.step), "image": self.image, **self.state})


def stylize(
    content: Image.Image,
    styles: Sequence[Image.Image],
    params: StyleParams,
    network: VGG19,
    resume: bytes | None = None,
) -> Iterator[Step]:
    """Paint the content in the style of the others.

    Args:
        content: the photograph, of mode ``RGB``.
        styles: one or more paintings, of mode ``RGB``.
        params: see :class:`core.params.StyleParams`.
        network: whose features are compared; the work happens on its device.
        resume: a step's checkpoint of the same request. The run goes on from
            there, and equals the uninterrupted one bit for bit on the same device.

    Yields:
        The start as step 0 (or the step resumed from), then one record after
        every update; the last one has the result. Stop iterating to stop the work.

    Raises:
        InvalidRequest: a picture is too long and thin for the size asked for.
        LossNotFinite: the result's loss is infinite or not a number.
        CheckpointMismatch: the checkpoint is not of this request.
    """
    width, height = params.scaled_size(content.size, "content")
    content_image = to_tensor(content, (width, height), network.device)
    style_images = [
        to_tensor(style, params.scaled_size(style.size, "style"), network.device)
        for style in styles
    ]
    objective = Objective(network, content_image, style_images, params)

    # Departure: the paper starts from white noise and uses L-BFGS. Adam from the
    # content picture is what most later work does: it keeps the photograph's
    # composition and needs fewer steps.
    image = content_image.clone()  # (1, 3, H, W)
    optimizer = Adam(image, params.learning_rate)
    first = 0 if resume is None else _restore(resume, image, optimizer)

    for step in range(first, params.steps + 1):
        loss, gradient = objective.with_gradient(image)
        yield Step(step, params.steps, width, height, loss, image, optimizer.state())
        if step < params.steps:
            optimizer.update(gradient)
    _check_finite(loss)


def _restore(resume: bytes, image: Tensor, optimizer: Adam) -> int:
    """Put a checkpoint back; give the step it was taken at."""
    saved = checkpoint.unpack(resume)
    if saved["image"].shape != image.shape:
        raise CheckpointMismatch(
            f"the checkpoint's picture is {tuple(saved['image'].shape)}, "
            f"and this request's {tuple(image.shape)}; start anew without it"
        )
    image.copy_(saved["image"])
    optimizer.restore(saved)
    return int(saved["step"])


def _check_finite(loss: LossTerms) -> None:
    if not torch.isfinite(loss.total):
        raise LossNotFinite(
            f"the loss became {float(loss.total)} (content {float(loss.content)}, "
            f"style {float(loss.style)}); lower learning_rate, content_weight or style_weight"
        )
