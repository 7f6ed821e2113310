"""What is minimised: alpha * content + beta * style (paper, eq. 7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from core.nst.losses import content_loss, gram, style_loss
from core.nst.vgg import VGG19
from core.params import StyleParams

#: The paper's layers (section 2 and figure 2).
CONTENT_LAYER = "conv4_2"
STYLE_LAYERS = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
STYLE_LAYER_WEIGHTS = {layer: 1 / len(STYLE_LAYERS) for layer in STYLE_LAYERS}


@dataclass(frozen=True)
class LossTerms:
    """The objective at one picture: tensors without a dimension, on the device.

    They stay there until somebody calls ``float`` on one, because on a GPU that
    waits for everything that has been asked for so far.
    """

    total: Tensor
    content: Tensor
    style: Tensor

    def detach(self) -> LossTerms:
        """The same numbers, free of the graph that made them."""
        return LossTerms(self.total.detach(), self.content.detach(), self.style.detach())


class Objective:
    """The objective for one content picture and its styles, targets computed once.

    Args:
        network: whose features are compared.
        content: shape (1, 3, H, W), RGB in [0, 1].
        styles: each of shape (1, 3, H', W'), of any size. The target is the mean
            of their Gram matrices.
        params: gives alpha and beta.
    """

    def __init__(
        self, network: VGG19, content: Tensor, styles: Sequence[Tensor], params: StyleParams
    ) -> None:
        self._network = network
        self._params = params
        with torch.no_grad():
            self._P = network.features(content, [CONTENT_LAYER])[CONTENT_LAYER]
            grams = [self._grams(network.features(style, STYLE_LAYERS)) for style in styles]
        self._A = {
            layer: torch.stack([each[layer] for each in grams]).mean(dim=0)
            for layer in STYLE_LAYERS
        }

    def __call__(self, image: Tensor) -> LossTerms:
        """The terms at a picture of shape (1, 3, H, W)."""
        F = self._network.features(image, [CONTENT_LAYER, *STYLE_LAYERS])
        content = content_loss(F[CONTENT_LAYER], self._P)
        style = style_loss(self._grams(F), self._A, STYLE_LAYER_WEIGHTS)
        total = self._params.content_weight * content + self._params.style_weight * style
        return LossTerms(total, content, style)

    def with_gradient(self, image: Tensor) -> tuple[LossTerms, Tensor]:
        """The terms, and the gradient of the total, of shape (1, 3, H, W)."""
        image = image.detach().requires_grad_()
        loss = self(image)
        (gradient,) = torch.autograd.grad(loss.total, image)
        return loss.detach(), gradient

    @staticmethod
    def _grams(features: dict[str, Tensor]) -> dict[str, Tensor]:
        return {layer: gram(features[layer]) for layer in STYLE_LAYERS}
