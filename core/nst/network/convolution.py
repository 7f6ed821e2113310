"""One convolution of VGG-19 with its ReLU, forward and backward.

:class:`Convolution` is the protocol behind which the number formats stand: the plain one here,
packed weights in ``packed_convolution``, 8 bits in ``int8``.
"""

from __future__ import annotations

from typing import Protocol

import torch
import torch.nn.functional as nn
from torch import Tensor

from core.nst.network import private_ops as kernels
from core.nst.network.pooling import Pool
from core.params import Padding
from core.params.choices import complete_table


class Convolution(Protocol):
    """A convolution of 3 x 3, followed by a ReLU."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the features y: (1, in, H, W) to (1, out, H, W)."""
        ...

    def backward(self, gradient: Tensor, y: Tensor, pool: Pool | None = None) -> Tensor:
        """Return the gradient with respect to x, shape (1, in, H, W).

        Args:
            gradient: with respect to y, or to what ``pool`` made of y. May be overwritten.
            y: the features from :meth:`forward`, shape (1, out, H, W).
            pool: the pool that follows y, if the gradient is that of its output.
        """
        ...


#: Zeros around the input by padding. A replicated border takes their place.
_BORDERS = complete_table(Padding, {Padding.ZERO: 1, Padding.REPLICATE: 0})


class PlainConvolution:
    """A convolution in the number format of its weight.

    Args:
        weight: shape (out, in, 3, 3).
        bias: shape (out,).
        padding: what lies beyond the border of x.
    """

    def __init__(self, weight: Tensor, bias: Tensor, padding: Padding) -> None:
        # channels_last is the layout in which convolutions are fastest.
        self.weight = weight.contiguous(memory_format=torch.channels_last)
        self.bias = bias
        self.padding = padding
        #: Zeros around the input of the convolution.
        self.border = _BORDERS[padding]

    def forward(self, x: Tensor) -> Tensor:
        """Return the features: (1, in, H, W) to (1, out, H, W)."""
        return self._convolve(_replicate(x) if self.padding is Padding.REPLICATE else x)

    def backward(self, gradient: Tensor, y: Tensor, pool: Pool | None = None) -> Tensor:
        """Return the gradient with respect to the input, as :class:`Convolution` says."""
        gradient = self._convolve_backward(gradient, y, pool)
        return _replicate_backward(gradient) if self.padding is Padding.REPLICATE else gradient

    def _convolve(self, x: Tensor) -> Tensor:
        return nn.relu(nn.conv2d(x, self.weight, self.bias, padding=self.border), inplace=True)

    def _convolve_backward(self, gradient: Tensor, y: Tensor, pool: Pool | None) -> Tensor:
        if pool is not None:
            gradient = pool.backward(gradient, y)
        gradient = kernels.relu_backward(gradient, y)
        return kernels.convolution_backward(gradient, self.weight, self.border)


def _replicate(x: Tensor) -> Tensor:
    """Repeat the border of x once: (1, C, H, W) to (1, C, H + 2, W + 2)."""
    return nn.pad(x, (1, 1, 1, 1), mode="replicate")


def _replicate_backward(gradient: Tensor) -> Tensor:
    """Add the gradient at the repeated border to where it was repeated from; overwrites it.

    torch's own version is not deterministic on a GPU.
    """
    for outer, inner in ((0, 1), (-1, -2)):
        gradient[..., inner, :] += gradient[..., outer, :]
        gradient[..., :, inner] += gradient[..., :, outer]
    return gradient[..., 1:-1, 1:-1]
