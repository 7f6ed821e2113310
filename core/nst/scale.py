"""The pictures as one scale of the pyramid sees them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as nn
from torch import Tensor

from core.errors import InvalidRequest
from core.nst import colour
from core.nst.objective import Masks, Objective
from core.nst.preconditioner import Preconditioner, Smoothing, identity
from core.nst.regions import check_labels, read_mask
from core.nst.tensors import to_tensor
from core.nst.vgg import VGG19, deepest
from core.params import Color, Init, StyleParams
from core.pictures import Pictures

#: How heavy the content is in a sketch. Chosen by looking, of 0.4, 0.8, 1.6 and 2.4: at
#: Tübingen as the Starry Night and as The Scream, and at the cat as a woodblock print.
_SKETCH = 1.6


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

    def sketch(self) -> Scale:
        """The same with a heavier content, for all scales but the last.

        Departure: where a stroke is as broad as a house, the photograph would be painted
        over for good before its detail is there. The further its style is from the
        painting's, the harder it is pulled at, and the heavier it has to be. With the
        weights it goes by their root: asking for more style gives more of it. The last
        scale, whose losses are the result's, has the weights as they were given.
        """
        content = colour.luminance(self.content) if self._grey else self.content
        distance = float(self.objective.in_float32().at(content).style)
        power = self.objective.content_power()
        alpha, beta = self.params.content_weight, self.params.style_weight
        times = max(1, _SKETCH * math.sqrt(beta / alpha) * distance / power) if alpha * power else 1
        return replace(self, objective=self.objective.with_content(times))

    def start(self) -> Tensor:
        """The picture that the optimiser starts from: (1, 3, H, W), or grey (1, 1, H, W)."""
        kind = self.params.init
        if kind is Init.NOISE:
            # Drawn on the CPU, so that a seed means the same on every device.
            generator = torch.Generator().manual_seed(self.params.seed)
            start = torch.rand(self.content.shape, generator=generator).to(self.content.device)
        elif kind is Init.STYLE:
            start = self._resized(self.styles[0]).clamp(0, 1)
        elif kind is Init.IMAGE and self.init_image is not None:
            start = self.init_image
        else:
            start = self.content
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

    @property
    def _grey(self) -> bool:
        return self.params.color is Color.CONTENT

    def _resized(self, image: Tensor) -> Tensor:
        size = (self.height, self.width)
        return nn.interpolate(image, size, mode="bicubic", antialias=True)


def make_scale(pictures: Pictures, params: StyleParams, network: VGG19) -> Scale:
    """The scale whose longer side is ``params.size``.

    Raises:
        InvalidRequest: a picture is too long and thin, or a mask does not fit.
    """
    size = params.scaled_size(pictures.content.size, "content")
    content = to_tensor(pictures.content, size, network.device)
    styles = tuple(
        _recolour(to_tensor(style, params.style_size(style.size), network.device), content, params)
        for style in pictures.styles
    )
    masks = _read_masks(pictures, params, size, network.device)
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
        size = params.scaled_size(pictures.content.size, "content")
        for style in pictures.styles:
            params.style_size(style.size)
        masks = _read_masks(pictures, params, size, torch.device("cpu"))
        if masks is not None:
            for guides in (masks.content, *masks.styles):
                for label in guides.regions:
                    guides.at(label, deepest(params.style_layers))
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


def _read_masks(
    pictures: Pictures, params: StyleParams, size: tuple[int, int], device: torch.device
) -> Masks | None:
    if pictures.content_mask is None:
        return None
    content = read_mask(pictures.content_mask, size, "content_mask", device)
    styles = tuple(
        read_mask(mask, params.style_size(style.size), "style_mask", device)
        for style, mask in zip(pictures.styles, pictures.style_masks, strict=True)
    )
    check_labels(content, styles)
    return Masks(content, styles)
