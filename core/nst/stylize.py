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

from core.errors import LossNotFinite
from core.nst.objective import LossTerms, Objective
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

    def picture(self) -> Image.Image:
        """The picture as it is now, in 8 bits."""
        return to_picture(self.image)


def stylize(
    content: Image.Image, styles: Sequence[Image.Image], params: StyleParams, network: VGG19
) -> Iterator[Step]:
    """Paint the content in the style of the others.

    Args:
        content: the photograph, of mode ``RGB``.
        styles: one or more paintings, of mode ``RGB``.
        params: see :class:`core.params.StyleParams`.
        network: whose features are compared; the work happens on its device.

    Yields:
        The start as step 0, then one record after every update; the last one has
        the result. Stop iterating to stop the work.

    Raises:
        InvalidRequest: a picture is too long and thin for the size asked for.
        LossNotFinite: the result's loss is infinite or not a number.
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
    image = content_image.clone().requires_grad_()  # (1, 3, H, W)
    optimizer = torch.optim.Adam([image], lr=params.learning_rate)

    for step in range(params.steps + 1):
        loss = objective(image)
        yield Step(step, params.steps, width, height, loss.detach(), image.detach())
        if step == params.steps:
            _check_finite(loss.detach())
            return
        (image.grad,) = torch.autograd.grad(loss.total, image)
        optimizer.step()
        with torch.no_grad():
            # Departure: the paper lets pixels leave the range of colours, and
            # cuts them off at the end.
            image.clamp_(0, 1)


def _check_finite(loss: LossTerms) -> None:
    if not torch.isfinite(loss.total):
        raise LossNotFinite(
            f"the loss became {float(loss.total)} (content {float(loss.content)}, "
            f"style {float(loss.style)}); lower learning_rate, content_weight or style_weight"
        )
