"""What several tests of the network compare with: torch's documented functions."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as nn
from torch import Tensor

from core.nst.network.passes import AddGradient, Part
from core.params import Layer, Padding


def convolve_relu(x: Tensor, weight: Tensor, bias: Tensor, padding: Padding) -> Tensor:
    """Return the features of x, which autograd can differentiate."""
    mode = "constant" if padding is Padding.ZERO else "replicate"
    return nn.conv2d(nn.pad(x, (1, 1, 1, 1), mode=mode), weight, bias).clamp_min(0)


def relative_error(tensor: Tensor, expected: Tensor) -> float:
    """Return the norm of the difference, relative to the norm of the expected tensor."""
    return float(torch.linalg.vector_norm(tensor.double() - expected) / expected.norm())


def add_own_gradients(own: Mapping[Layer, Tensor]) -> AddGradient:
    """Return a function for ``Pass.backward`` that adds a given gradient at each layer."""

    def add(part: Part, g: Tensor | None) -> Tensor:
        gradient = own[part.layer][:, :, part.rows]
        return gradient.to(part.F, copy=True) if g is None else g.add_(gradient)

    return add
