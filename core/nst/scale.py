"""One scale of the pyramid: the pictures at one size, and the objective over them."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as nn
from torch import Tensor

from core.errors import InvalidRequest
from core.nst.colour import ColorMode, color_mode
from core.nst.detail import read_levels
from core.nst.network.pixels import in_unit_range, to_bytes
from core.nst.network.rows.strips import USUAL_MEMORY, computed_whole
from core.nst.network.vgg19 import VGG19
from core.nst.objective import Objective
from core.nst.optimizers.point import LossTerms
from core.nst.optimizers.preconditioner import Preconditioner, Smoothing, identity
from core.nst.regions import check_regions, read_masks
from core.nst.targets import Masks
from core.params import Init, StyleParams
from core.params.schedule import Phase
from core.pictures.bundle import Pictures, check_start


@dataclass(frozen=True)
class Scale:
    """The pictures of a request as tensors of one size."""

    width: int
    height: int
    params: StyleParams
    colors: ColorMode
    objective: Objective
    #: The content, shape (1, 3, H, W), and the image to start from, if one was given: in 8 bits.
    content_bytes: Tensor
    init_bytes: Tensor | None
    #: In 8 bits, or in RGB in [0, 1] if they were recoloured.
    styles: tuple[Tensor, ...]

    @property
    def size(self) -> int:
        """The longer side, in pixels."""
        return max(self.width, self.height)

    @property
    def content(self) -> Tensor:
        """The content in RGB in [0, 1], made anew: shape (1, 3, H, W)."""
        return in_unit_range(self.content_bytes)

    def has_strips(self, memory: int) -> bool:
        """Return whether a picture of this scale has strips, unless a GPU computes it whole.

        Args:
            memory: what the run may use of the device's memory, in bytes.
        """
        sizes = [each.shape[2:] for each in (self.content_bytes, *self.styles)]
        return not all(computed_whole(height, width, memory) for height, width in sizes)

    def objective_in(self, phase: Phase, last: Objective | None = None) -> Objective:
        """Return the objective to follow in a phase.

        Args:
            phase: the phase.
            last: the objective that was followed before. After an edit, its targets are kept.
        """
        if not phase.int8:
            return self.objective
        if last is not None and last.is_int8_of(self.objective):
            return last.changed(self.params)
        return self.objective.in_int8()

    def start(self) -> Tensor:
        """Return the image to start from: (1, 3, H, W), or grey (1, 1, H, W).

        Departure: by default the content, where the paper starts from white noise. That keeps
        the composition and takes fewer steps.
        """
        match self.params.init:
            case Init.CONTENT:
                start = self.content
            case Init.NOISE:
                # Generated on the CPU, so that a seed means the same on every device.
                generator = torch.Generator().manual_seed(self.params.seed)
                start = torch.rand(self.content_bytes.shape, generator=generator)
                start = start.to(self.content_bytes.device)
            case Init.STYLE:
                start = self._resize(in_unit_range(self.styles[0])).clamp_(0, 1)
            case Init.IMAGE:
                assert self.init_bytes is not None  # check_start
                start = in_unit_range(self.init_bytes)
        return self.colors.to_painted(start)

    def painted_on(self, image: Tensor) -> Tensor:
        """Return what was painted on this scale's start, for the next scale's :meth:`start_on`.

        Noise has no detail worth keeping, so there it is the image itself.
        """
        return image if self.params.init is Init.NOISE else image - self.start()

    def start_on(self, painted: Tensor) -> Tensor:
        """Return the image to start from after a smaller scale.

        What was painted at the smaller scale is enlarged and added to this scale's start, whose
        detail would otherwise be lost.

        Args:
            painted: from :meth:`painted_on` of the smaller scale.
        """
        enlarged = self._resize(painted)
        if self.params.init is not Init.NOISE:
            enlarged += self.start()
        return enlarged.clamp_(0, 1)

    def preconditioner(self) -> Preconditioner:
        """Return the preconditioner of L-BFGS: from a picture, broad strokes come first.

        From noise, it is the fine detail that has to change.
        """
        if self.params.init is Init.NOISE:
            return identity
        return Smoothing(self.height, self.width, self.content_bytes.device)

    def shown(self, image: Tensor) -> Tensor:
        """Return the image as it is shown: shape (1, 3, H, W), RGB in [0, 1]."""
        return self.colors.to_shown(image, self.content_bytes)

    def loss_of(self, shown: Tensor) -> LossTerms:
        """Return the objective at a shown image, in float32.

        Where only the luminance is painted, that of the shown image counts: clamping its
        colours can change it.
        """
        return self.objective.in_float32().at(self.colors.to_painted(shown))

    def _resize(self, image: Tensor) -> Tensor:
        size = (self.height, self.width)
        return nn.interpolate(image, size, mode="bicubic", antialias=True)


class Scales:
    """Makes the scales of one request. Its masks are scanned once.

    Args:
        pictures: the pictures of the request.
        params: its parameters.
        network: the network whose features are compared.
        memory: see :class:`core.nst.network.passes.Pass`.

    Raises:
        InvalidRequest: a mask does not fit the others, or the picture to start from is missing.
    """

    def __init__(
        self,
        pictures: Pictures,
        params: StyleParams,
        network: VGG19,
        memory: int = USUAL_MEMORY,
    ) -> None:
        check_start(params.init, pictures.init_image is not None)
        self._pictures = pictures
        self._params = params
        self._network = network
        self._memory = memory
        self._masks = read_masks(pictures)

    def with_params(self, params: StyleParams) -> Scales:
        """Return the scales of the same pictures with other parameters."""
        other = copy(self)
        other._params = params
        return other

    def with_memory(self, memory: int) -> Scales:
        """Return the same scales for another memory."""
        other = copy(self)
        other._memory = memory
        return other

    def check(self, size: int) -> None:
        """Check that the pictures can be used at a size.

        Raises:
            InvalidRequest: a picture is too long and thin, or a region of a mask too small.
        """
        check_regions(self._masks, self._sizes(size), self._params.style_layers)

    def usable(self, size: int) -> bool:
        """Return whether no picture is too thin and no region too small at a size."""
        try:
            self.check(size)
        except InvalidRequest:
            return False
        return True

    def changed(self, scale: Scale) -> Scale:
        """Return a scale with the parameters of these, for its next steps.

        Where the styles would be too small in their new size, no step follows.
        """
        if self._params.style_scale != scale.params.style_scale and self.usable(scale.size):
            return self.at(scale.size)
        return replace(scale, params=self._params, objective=scale.objective.changed(self._params))

    def at(self, size: int) -> Scale:
        """Return the scale whose longer side is ``size`` pixels.

        Raises:
            InvalidRequest: a picture is too long and thin, or a region of a mask too small.
        """
        params, pictures, device = self._params, self._pictures, self._network.device
        self.check(size)
        content_size, *style_sizes = sizes = self._sizes(size)
        colors = color_mode(params.color)
        content = to_bytes(pictures.content, content_size, device)
        styles = tuple(
            colors.recolour(to_bytes(style, style_size, device), content)
            for style, style_size in zip(pictures.styles, style_sizes, strict=True)
        )
        init, detail = pictures.init_image, pictures.detail_map
        levels = None if detail is None else read_levels(detail, content_size, device)
        target = colors.to_painted(content).expand_as(content)
        guides = self._guides(sizes)
        return Scale(
            *content_size,
            params=params,
            colors=colors,
            objective=Objective(
                self._network, target, styles, params, guides, levels, self._memory
            ),
            content_bytes=content,
            init_bytes=None if init is None else to_bytes(init, content_size, device),
            styles=styles,
        )

    def _sizes(self, size: int) -> list[tuple[int, int]]:
        """Width and height at which the content and the styles are used.

        Departure: a style picture keeps its aspect ratio; the paper gives it the content's.
        """
        params = self._params.at_size(size)
        content = params.scaled_size(self._pictures.content.size, "content")
        return [content, *(params.style_size(style.size) for style in self._pictures.styles)]

    def _guides(self, sizes: list[tuple[int, int]]) -> Masks | None:
        if not self._masks:
            return None
        device = self._network.device
        content, *styles = (
            mask.guides(size, device) for mask, size in zip(self._masks, sizes, strict=True)
        )
        return Masks(content, tuple(styles))
