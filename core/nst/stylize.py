"""A Neural Algorithm of Artistic Style, on one page.

Gatys, Ecker and Bethge, 2015 (arXiv 1508.06576). The departures from it are
marked where they are made, and listed in ``docs/algorithm.md``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from core.nst.checkpoint import Request
from core.nst.descent import descend_all
from core.nst.network.devices import pick_dtype
from core.nst.network.vgg19 import VGG19
from core.nst.objective import LossTerms
from core.nst.optimizers.optimizer import make_optimizer
from core.nst.optimizers.point import State
from core.nst.scale import Scale, fits, make_scale
from core.nst.schedule import Stage, scales, stages
from core.nst.tensors import to_picture, to_pixels
from core.params import StyleParams
from core.pictures.bundle import Pictures

#: What a step costs whatever its pixels, as so many of them: on two cores a rough step takes
#: 0.010, 0.020, 0.060 and 0.218 s at 64, 128, 256 and 512.
_STEP_ITSELF = 88**2

#: What a rough step costs of another.
_ROUGH = {torch.int8: 0.78}


@dataclass(frozen=True)
class Step:
    """The picture after ``step`` of ``steps`` updates, and the objective at it."""

    #: Over all scales.
    step: int
    steps: int
    #: The part of the work that is done, 0 to 1: a step at a large scale is more.
    fraction: float
    #: Which scale this is, from 0, and how many there are.
    scale: int
    scales: int
    width: int
    height: int
    #: In float32 for the last step; before, in what the network computes in.
    loss: LossTerms
    #: What a person sees: shape (1, 3, height, width), RGB in [0, 1].
    image: Tensor
    _request: Request
    _state: State

    def picture(self) -> Image.Image:
        """The picture in 8 bits."""
        return to_picture(self.image)

    def pixels(self) -> NDArray[np.float32]:
        """The picture as it was computed: shape (height, width, 3), RGB in [0, 1]."""
        return to_pixels(self.image)

    def checkpoint(self) -> bytes:
        """The run's whole state at this step, for ``stylize(..., resume=...)``."""
        return self._request.pack(self._state)


def stylize(
    pictures: Pictures, params: StyleParams, network: VGG19, resume: bytes | None = None
) -> Iterator[Step]:
    """Paint the content in the style of the other pictures.

    Args:
        pictures: the photograph, the paintings, and what else there is.
        params: see :class:`core.params.StyleParams`.
        network: whose features are compared; the work happens on its device.
        resume: a step's checkpoint of the same request. The run goes on from
            there, and equals the uninterrupted one bit for bit on the same device.

    Yields:
        The start as step 0 (or the step resumed from), then one record after
        every update (on a GPU after every tenth of a small picture, or it would
        wait for us); the last one has the result. Stop iterating to stop the work.

    Raises:
        InvalidRequest: a picture is too long and thin, or a mask does not fit.
        LossNotFinite: the loss stayed infinite or not a number.
        CheckpointMismatch: the checkpoint is not of this request.
    """
    dtype = pick_dtype(params.precision, network.device)
    network = network.using(dtype, params.pooling, params.padding)
    sides = [
        side
        for side in scales(params.size, params.pyramid)
        if side == params.size or fits(pictures, params.at_size(side))
    ]
    request = Request(pictures, params)
    plan = Plan(request, stages(sides, params.steps), _ROUGH.get(dtype, 1))
    saved = None if resume is None else request.unpack(resume, network.device)
    resume = None  # as large as all that it has been unpacked to
    begin = 0 if saved is None else int(saved["scale"])
    painted: tuple[Tensor, Scale] | None = None

    for number, stage in list(enumerate(plan.stages))[begin:]:
        scale = make_scale(pictures, params.at_size(stage.side), network)
        # (1, 3, H, W), or (1, 1, H, W) where only luminance is painted
        image = scale.start() if painted is None else scale.enlarged(*painted)
        optimizer = make_optimizer(
            params.optimizer, params.learning_rate, scale.preconditioner(), dtype
        )
        first = incidents = 0
        if saved is not None:
            optimizer.restore(saved)
            first, incidents, image = int(saved["step"]), int(saved["incidents"]), saved["image"]
            saved = None
        for reached in descend_all(scale.legs(stage), image, optimizer, first, incidents):
            image = reached.point.image
            state = {
                "scale": torch.tensor(number),
                "step": torch.tensor(reached.step),
                "incidents": torch.tensor(reached.incidents),
                "image": image,
                **reached.state,
            }
            if reached.step < stage.steps:
                yield plan.record(number, reached.step, scale, reached.point.loss, image, state)
        painted = image, scale

    loss = scale.loss_of(scale.shown(image))
    yield plan.record(number, stage.steps, scale, loss, image, state)


@dataclass(frozen=True)
class Plan:
    """How much work a run is."""

    request: Request
    stages: Sequence[Stage]
    #: What a rough step costs of another.
    rough: float

    def record(
        self, number: int, step: int, scale: Scale, loss: LossTerms, image: Tensor, state: State
    ) -> Step:
        """The record of a step at a scale."""
        smaller, stage = self.stages[:number], self.stages[number]
        done = sum(self._work(each, each.steps) for each in smaller) + self._work(stage, step)
        return Step(
            step=sum(each.steps for each in smaller) + step,
            steps=sum(each.steps for each in self.stages),
            fraction=done / sum(self._work(each, each.steps) for each in self.stages),
            scale=number,
            scales=len(self.stages),
            width=scale.width,
            height=scale.height,
            loss=loss,
            image=scale.shown(image),
            _request=self.request,
            _state=state,
        )

    def _work(self, stage: Stage, made: int) -> float:
        """What so many steps at a scale are."""
        rough = min(made, stage.rough)
        return (stage.side**2 + _STEP_ITSELF) * (made - rough * (1 - self.rough))
