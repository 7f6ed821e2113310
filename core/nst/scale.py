"""The pictures as one scale of the pyramid sees them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as nn
from PIL import Image
from torch import Tensor

from core.errors import InvalidRequest
from core.nst import colour
from core.nst.network.vgg19 import VGG19
from core.nst.objective import LossTerms, Objective
from core.nst.optimizers.preconditioner import Preconditioner, Smoothing, identity
from core.nst.regions import read_mask
from core.nst.schedule import Stage
from core.nst.targets import Masks
from core.nst.tensors import to_tensor
from core.params import Color, Init, StyleParams
from core.pictures.bundle import Pictures, check_start
from core.pictures.masks import check_areas, check_labels, regions_of

#: How heavy the content is in a sketch. Chosen by looking, of 0.4, 0.8, 1.6 and 2.4: at
#: Tübingen as the Starry Night and as The Scream, and at the cat as a woodblock print.
_SKETCH = 1.6

#: And in the first half of the last scale: with it, the content comes back in half the steps
#: (bench/README.md).
_RETURN = 2


@dataclass(frozen=True)
class Scale:
    """One scale: its pictures as tensors, and the objective over them."""

    width: int
    height: int
    params: StyleParams
    objective: Objective
    #: Shape (1, 3, H, W), RGB in [0, 1].
    content: Tensor
    styles: tuple[Tensor, ...]
    init_image: Tensor | None

    def legs(self, stage: Stage) -> list[tuple[int, Objective]]:
        """The objectives to follow, each until so many steps are made.

        Departure: where a stroke is as broad as a house, the photograph would be painted
        over for good before its detail is there. So the content is heavier at all scales
        but the last, and weighs double in the first half of that one, where it has to come
        back from under what was painted. Up to there, features may be rough.
        """
        if not stage.rough:
            return [(stage.steps, self.objective)]
        rough = self.objective.rougher()
        times = _RETURN if stage.last else self._heaviness(rough)
        legs = [(stage.rough, rough.with_content(times))]
        return [*legs, (stage.steps, self.objective)] if stage.last else legs

    def _heaviness(self, objective: Objective) -> float:
        """How many times as heavy the content is at a scale that is not the last.

        The further its style is from the painting's, the harder it is pulled at, and the
        heavier it has to be. With the weights it goes by their root: asking for more style
        gives more of it.
        """
        content = colour.luminance(self.content) if self._grey else self.content
        distance = float(objective.at(content).style)
        power = objective.content_power()
        alpha, beta = self.params.content_weight, self.params.style_weight
        return max(1, _SKETCH * math.sqrt(beta / alpha) * distance / power) if alpha * power else 1

    def start(self) -> Tensor:
        """The picture that the optimiser starts from: (1, 3, H, W), or grey (1, 1, H, W).

        Departure: by default the content, where the paper starts from white noise. That
        keeps the composition, and needs fewer steps.
        """
        kind = self.params.init
        if kind is Init.NOISE:
            # Drawn on the CPU, so that a seed means the same on every device.
            generator = torch.Generator().manual_seed(self.params.seed)
            start = torch.rand(self.content.shape, generator=generator).to(self.content.device)
        elif kind is Init.STYLE:
            start = self._resized(self.styles[0]).clamp(0, 1)
        else:
            start = self.content if self.init_image is None else self.init_image
        return colour.luminance(start) if self._grey else start

    def enlarged(self, image: Tensor, smaller: Scale) -> Tensor:
        """The result of a smaller scale, to go on from.

        What was painted there is enlarged, and laid over this scale's start: its
        detail, which the smaller one could not have, would be lost otherwise.
        Noise has no detail worth keeping.
        """
        if self.params.init is Init.NOISE:
            return self._resized(image).clamp(0, 1)
        return (self.start() + self._resized(image - smaller.start())).clamp(0, 1)

    def preconditioner(self) -> Preconditioner:
        """What L-BFGS begins with: from a picture, broad strokes first.

        From noise it is the fine detail that has to go.
        """
        if self.params.init is Init.NOISE:
            return identity
        return Smoothing(self.height, self.width, self.content.device)

    def shown(self, image: Tensor) -> Tensor:
        """What a person sees: shape (1, 3, H, W), RGB in [0, 1]."""
        return colour.with_luminance(self.content, image) if self._grey else image.clamp(0, 1)

    def loss_of(self, shown: Tensor) -> LossTerms:
        """The objective at what a person sees, in float32.

        Where only luminance is painted, that of what was shown: to keep its colours
        within their range, it can differ from what was painted.
        """
        image = colour.luminance(shown) if self._grey else shown
        return self.objective.in_float32().at(image)

    @property
    def _grey(self) -> bool:
        return self.params.color is Color.CONTENT

    def _resized(self, image: Tensor) -> Tensor:
        size = (self.height, self.width)
        return nn.interpolate(image, size, mode="bicubic", antialias=True)


def make_scale(pictures: Pictures, params: StyleParams, network: VGG19) -> Scale:
    """The scale whose longer side is ``params.size``.

    Raises:
        InvalidRequest: a picture is too long and thin, a mask does not fit, or there
            is no picture to start from.
    """
    check_start(params.init, pictures.init_image is not None)
    size, *style_sizes = sizes = _sizes(pictures, params)
    content = to_tensor(pictures.content, size, network.device)
    styles = tuple(
        _recolour(to_tensor(style, style_size, network.device), content, params)
        for style, style_size in zip(pictures.styles, style_sizes, strict=True)
    )
    masks = _read_masks(pictures, params, sizes, network.device)
    target = content
    if params.color is Color.CONTENT:
        target = colour.luminance(content).expand_as(content)
    init = pictures.init_image
    return Scale(
        *size,
        params=params,
        objective=Objective(network, target, styles, params, masks),
        content=content,
        styles=styles,
        init_image=None if init is None else to_tensor(init, size, network.device),
    )


def fits(pictures: Pictures, params: StyleParams) -> bool:
    """Whether every picture, and every region of every mask, can be seen at ``params.size``."""
    try:
        sizes = _sizes(pictures, params)
        if pictures.content_mask is not None:
            _check_masks(pictures.content_mask, pictures.style_masks, sizes, params)
    except InvalidRequest:
        return False
    return True


def _recolour(style: Tensor, content: Tensor, params: StyleParams) -> Tensor:
    if params.color is Color.MATCH:
        return colour.match_colours(style, content)
    if params.color is Color.CONTENT:
        luma = colour.match_luminance(colour.luminance(style), colour.luminance(content))
        return luma.expand_as(style)
    return style


def _sizes(pictures: Pictures, params: StyleParams) -> list[tuple[int, int]]:
    """Width and height that the content and the styles are used at.

    Departure: a style picture keeps its shape; the paper gives it the content's.
    """
    content = params.scaled_size(pictures.content.size, "content")
    return [content, *(params.style_size(style.size) for style in pictures.styles)]


def _check_masks(
    content_mask: Image.Image,
    style_masks: Sequence[Image.Image],
    sizes: Sequence[tuple[int, int]],
    params: StyleParams,
) -> None:
    masks = (content_mask, *style_masks)
    areas = [dict(regions_of(mask)) for mask in masks]
    check_labels("content_mask", frozenset(areas[0]), frozenset().union(*areas[1:]))
    fields = ("content_mask", *("style_mask" for _ in style_masks))
    for field, covered, size in zip(fields, areas, sizes, strict=True):
        check_areas(field, covered, size, params.style_layers)


def _read_masks(
    pictures: Pictures,
    params: StyleParams,
    sizes: Sequence[tuple[int, int]],
    device: torch.device,
) -> Masks | None:
    if pictures.content_mask is None:
        return None
    _check_masks(pictures.content_mask, pictures.style_masks, sizes, params)
    content, *styles = (
        read_mask(mask, size, device)
        for mask, size in zip((pictures.content_mask, *pictures.style_masks), sizes, strict=True)
    )
    return Masks(content, tuple(styles))
