"""A Neural Algorithm of Artistic Style, on one page.

Gatys, Ecker and Bethge, 2015 (arXiv 1508.06576). Departures from the paper are marked where they
are made, and listed in ``docs/algorithm.md``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from core.nst.balance import Balance
from core.nst.checkpoint import Request
from core.nst.descent import Descent
from core.nst.network.pixels import to_picture, to_pixels
from core.nst.network.precision import NumberFormat, pick_format
from core.nst.network.vgg19 import VGG19
from core.nst.optimizers.optimizer import PixelOptimizer, make_optimizer
from core.nst.optimizers.point import LossTerms, State
from core.nst.scale import Scale, Scales
from core.params import StyleParams
from core.params.schedule import Schedule, schedule
from core.pictures.bundle import Pictures


@dataclass(frozen=True)
class Step:
    """The picture after ``step`` of ``steps`` updates, and the objective at it."""

    #: Over all scales.
    step: int
    steps: int
    #: The part of the work that is done, 0 to 1. A step at a large scale is more work.
    fraction: float
    #: The scale, counted from 0, and the number of scales.
    scale: int
    scales: int
    #: Of the image, in pixels.
    width: int
    height: int
    #: For the last step in float32; before, in the number format of the network.
    loss: LossTerms
    #: The weights of the losses at this scale.
    balance: Balance
    #: As it is shown: shape (1, 3, height, width), RGB in [0, 1].
    image: Tensor
    _request: Request
    _state: State

    def picture(self) -> Image.Image:
        """Return the picture in 8 bits."""
        return to_picture(self.image)

    def pixels(self) -> NDArray[np.float32]:
        """Return the picture as computed: shape (height, width, 3), RGB in [0, 1]."""
        return to_pixels(self.image)

    def checkpoint(self, label: str = "") -> bytes:
        """Return the state of the run at this step, for ``stylize(..., resume=...)``.

        Args:
            label: makes the bytes differ from those of an equal run with another label.
        """
        return self._request.pack(self._state, label)


def stylize(
    pictures: Pictures, params: StyleParams, network: VGG19, resume: bytes | None = None
) -> Iterator[Step]:
    """Paint the content in the style of the style pictures.

    Args:
        pictures: the content, the styles, and optionally masks and a picture to start from.
        params: see :class:`core.params.StyleParams`.
        network: the network whose features are compared. The work happens on its device.
        resume: the checkpoint of a step of the same request. The run continues there, and gives
            the same picture as an uninterrupted one, bit for bit on the same device. Sums depend
            on the number of threads, so PyTorch gets the number that the run began with.

    Yields:
        The start as step 0 (or the step resumed from), then one record after every update; on a
        GPU, after every tenth update of a small picture, which would otherwise wait for the
        caller. The last record has the result. Stop iterating to stop the work.

    Raises:
        InvalidRequest: a picture is too long and thin, or a mask does not fit.
        LossNotFinite: the loss became infinite or not a number, and stayed so.
        CheckpointMismatch: the checkpoint belongs to another request or version of Easel.
    """
    number_format = pick_format(params.precision, network.device)
    network = network.using(number_format, params.pooling, params.padding)
    scales = Scales(pictures, params, network)
    plan = schedule(params, scales.usable, int8_cost=number_format.int8_cost)
    request = Request(pictures, params)
    saved = None if resume is None else request.unpack(resume, network.device)
    resume = None  # frees memory: the checkpoint is as large as the state
    begin = 0 if saved is None else int(saved["phase"])
    if saved is not None:
        torch.set_num_threads(int(saved["threads"]))
    threads = torch.tensor(torch.get_num_threads())
    painted: tuple[Tensor, Scale] | None = None  # at the smaller scale

    for size, phases in plan.scales_from(begin):
        scale = scales.at(size)
        # (1, 3, H, W), or (1, 1, H, W) where only the luminance is painted
        image = scale.start() if painted is None else scale.start_from(*painted)
        descent = Descent(image, _optimizer(params, scale, number_format))
        if saved is not None:
            descent.restore(saved)
            saved = None
        for number, phase in phases:
            for point in descent.follow(scale.objective_in(phase), phase.steps):
                state = {"phase": torch.tensor(number), "threads": threads, **descent.state()}
                if descent.step < phase.steps:  # the last point is the next phase's first
                    yield _record(plan, scale, request, point.loss, state)
        painted = descent.image, scale

    loss = scale.loss_of(scale.shown(descent.image))
    yield _record(plan, scale, request, loss, state)


def _optimizer(params: StyleParams, scale: Scale, number_format: NumberFormat) -> PixelOptimizer:
    return make_optimizer(
        params.optimizer, params.learning_rate, scale.preconditioner(), number_format.noise
    )


def _record(plan: Schedule, scale: Scale, request: Request, loss: LossTerms, state: State) -> Step:
    phase, step = int(state["phase"]), int(state["step"])
    return Step(
        step=plan.steps_until(phase, step),
        steps=plan.steps,
        fraction=plan.fraction_until(phase, step),
        scale=plan.sizes.index(scale.size),
        scales=len(plan.sizes),
        width=scale.width,
        height=scale.height,
        loss=loss,
        balance=scale.objective.balance,
        image=scale.shown(state["image"]),
        _request=request,
        _state=state,
    )
