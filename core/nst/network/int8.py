"""Convolutions in 8 bits, on CPUs whose VNNI units add up 8-bit products exactly.

Departure: gradients are quantised to 8 bits, and in a phase with ``int8`` set (see
:mod:`core.params.schedule`) features are, too. The error of the gradients is negligible beside that
of bfloat16 features. Quantised features must be compared with targets that were computed by the
same convolutions; otherwise the rounding of the weights would count as a difference
(bench/attempts.md).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from itertools import pairwise, product

import torch
from torch import Tensor
from torch.linalg import vector_norm as norm

from core.nst.network.convolution import Convolution
from core.nst.network.packed_convolution import PackedConvolution
from core.nst.network.pooling import MaxPool, Pool, relu_mask
from core.nst.network.private_ops import LARGEST, QuantisedConvolution
from core.params import LAYERS, Layer, Padding

#: The largest quantised feature stands for this many times the root mean square of its channel,
#: the largest quantised gradient for this many times that of the gradient. Larger values
#: saturate. Measured, features from 8 to 36 (bench/attempts.md).
_FEATURE_RANGE = 16
_GRADIENT_RANGE = 24

#: A channel that is silent in the content and the styles may not be silent in a picture between
#: them. Its range is that of a channel with this part of the layer's root mean square.
_SILENT = 0.1

#: oneDNN multiplies unsigned by signed integers. Gradients are shifted by this much.
_ZERO_POINT = 128


class Int8BackwardConvolution(PackedConvolution):
    """A convolution whose backward pass is computed in 8 bits: half the time with VNNI.

    Args:
        weight, bias, padding: as for :class:`core.nst.network.convolution.PlainConvolution`,
            in bfloat16.
        quantised_backward: the backward pass, if another convolution of this weight has it.
    """

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor,
        padding: Padding,
        quantised_backward: QuantisedBackward | None = None,
    ) -> None:
        super().__init__(weight, bias, padding)
        self.quantised_backward = quantised_backward or QuantisedBackward(weight, self.border)

    def _convolve_backward(self, gradient: Tensor, y: Tensor, pool: Pool | None) -> Tensor:
        if pool is None or isinstance(pool, MaxPool):
            return self.quantised_backward(gradient, y, pool)
        # An average pool divides the gradient by 4, which integers cannot show.
        return self.quantised_backward(pool.backward(gradient, y), y)


class Int8Convolution(Int8BackwardConvolution):
    """A convolution in 8 bits in both directions: four times as fast as float32 with VNNI.

    Args:
        convolution: supplies the weights and the backward pass.
        input_scale: the value of one unit of each input channel, shape (in,).
        output_scale: likewise of each output channel, shape (out,). None if the features are
            compared, and so stay in bfloat16.
    """

    def __init__(
        self,
        convolution: Int8BackwardConvolution,
        input_scale: Tensor,
        output_scale: Tensor | None,
    ) -> None:
        super().__init__(
            *(convolution.weight, convolution.bias, convolution.padding),
            convolution.quantised_backward,
        )
        input_scale = input_scale.to(self.weight.dtype).view(1, -1, 1, 1)
        self._per_unit, self._half = 1 / input_scale, torch.full_like(input_scale, 0.5)
        weight, weight_scale = quantise_weight(self.weight * input_scale)
        self._quantised = QuantisedConvolution(weight.to(torch.int8), weight_scale, self.border)
        scale = torch.ones(len(self.bias)) if output_scale is None else output_scale
        self._weight_scale, self._scaled_bias = weight_scale / scale, self.bias / scale
        self._dtype = torch.bfloat16 if output_scale is None else torch.uint8

    def _convolve(self, x: Tensor) -> Tensor:
        if x.dtype is not torch.uint8:
            # Adding one half turns truncation into rounding.
            x = torch.addcmul(self._half, x, self._per_unit).clamp_(max=255)
            x = _truncate(x).to(torch.uint8)
        return self._quantised(x, 1.0, self._weight_scale, self._scaled_bias, self._dtype, "relu")


class QuantisedBackward:
    """The gradient of a convolution with its ReLU by its input, computed in 8 bits.

    Args:
        weight: of the convolution, shape (out, in, 3, 3).
        border: zeros around the convolution's input, 0 or 1.
    """

    def __init__(self, weight: Tensor, border: int) -> None:
        # The gradient of a convolution is a full correlation with the flipped weight.
        flipped = weight.flip(2, 3).transpose(0, 1)  # (in, out, 3, 3)
        quantised, self._weight_scale = quantise_weight(flipped)
        #: What a gradient of 1 everywhere gives in each channel, away from the border.
        self._sums = quantised.sum((1, 2, 3)) * self._weight_scale  # (in,)
        self._correlate = QuantisedConvolution(quantised.to(torch.int8), self._weight_scale, 0)
        self._edge = 2 - border

    def __call__(self, gradient: Tensor, y: Tensor, pool: MaxPool | None = None) -> Tensor:
        """Return the gradient with respect to the input, shape (1, in, H, W), in bfloat16.

        Args:
            gradient: with respect to y, or to what ``pool`` made of y; overwritten.
            y: the features, (1, out, H', W'), in bfloat16 or quantised.
            pool: the pool after y. It routes quantised gradients as well as others, and only
                a quarter as many have to be quantised before it.
        """
        # Summing rows first runs in parallel.
        rms = float(norm(norm(gradient, dim=(1, 3)))) / math.sqrt(y.numel())
        scale = max(_GRADIENT_RANGE * rms / LARGEST, torch.finfo().tiny)
        # In place, because new memory costs more than the arithmetic. The values fit into int16:
        # none of N numbers exceeds sqrt(N) times their root mean square.
        quantised = _truncate(gradient.mul_(1 / scale).round_()).clamp_(-LARGEST, LARGEST)
        padded = self._zero_padded(y)
        inside = padded[..., self._edge : -self._edge, self._edge : -self._edge]
        if pool is None:
            inside.copy_(quantised).mul_(relu_mask(y))  # ReLU
        else:
            pool.backward_through_relu(quantised.to(torch.int8), y, inside)
        # The bias removes what the shift by the zero point adds, which is the same everywhere.
        bias = self._sums * (-_ZERO_POINT * scale)
        shifted = padded.view(torch.uint8).bitwise_xor_(_ZERO_POINT)
        return self._correlate(shifted, scale, self._weight_scale, bias, torch.bfloat16, "none")

    def _zero_padded(self, y: Tensor) -> Tensor:
        """Return memory for the gradient at y, zero-padded for the full correlation: int8."""
        edge = self._edge
        batch, out, height, width = y.shape
        padded = torch.empty(
            (batch, out, height + 2 * edge, width + 2 * edge),
            dtype=torch.int8,
            memory_format=torch.channels_last,
        )
        for border in (slice(edge), slice(-edge, None)):
            padded[..., border, :] = padded[..., border] = 0
        return padded


def with_int8_features(
    convolutions: Mapping[Layer, Convolution],
    channel_rms: Mapping[Layer, Tensor],
    compared: Collection[Layer],
) -> dict[Layer, Convolution]:
    """Return convolutions with quantised features between the layers that are compared.

    Args:
        convolutions: those of a network in the ``INT8`` number format.
        channel_rms: for each layer up to the deepest one compared, the expected root mean
            square of each channel, shape (C,).
        compared: the layers whose features the objective compares.
    """
    scales = {layer: _unit(rms) for layer, rms in channel_rms.items()}
    quantised = dict(convolutions)
    for before, layer in pairwise(LAYERS[: len(scales)]):
        convolution = convolutions[layer]
        assert isinstance(convolution, Int8BackwardConvolution)
        output_scale = None if layer in compared else scales[layer]
        quantised[layer] = Int8Convolution(convolution, scales[before], output_scale)
    return quantised


def quantise_weight(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Round a weight to integers from -127 to 127, and return it with its scale.

    The nine weights of a filter are rounded one after another, each together with the rounding
    error of those before it, so that their sum is kept to half a unit. Neighbouring pixels are
    much alike, so the sum matters most: rounded independently, filters err ten times as much
    (bench/attempts.md).

    Args:
        weight: shape (out, in, 3, 3).

    Returns:
        The rounded weight in float32, of the same shape, and the value of one unit by output
        channel, shape (out,).
    """
    largest = weight.abs().amax((1, 2, 3)).float()
    # A channel without weights has nothing to round.
    scale = (largest / LARGEST).clamp_min(torch.finfo().tiny)
    units = weight.float() / scale.view(-1, 1, 1, 1)
    rounded, error = torch.empty_like(units), torch.zeros_like(units[..., 0, 0])
    for row, column in product(range(3), repeat=2):
        error += units[..., row, column]  # (out, in)
        nearest = error.round().clamp_(-LARGEST, LARGEST)
        rounded[..., row, column] = nearest
        error -= nearest
    return rounded, scale


def _unit(channel_rms: Tensor) -> Tensor:
    """The value of one unit of a quantised feature by channel, shape (C,)."""
    least = _SILENT * channel_rms.square().mean().sqrt()
    return (channel_rms.clamp_min(least) * _FEATURE_RANGE / 255).clamp_min(torch.finfo().tiny)


def _truncate(x: Tensor) -> Tensor:
    """Truncate bfloat16 to int16 in place; converting to other formats is far slower."""
    return x.view(torch.int16).copy_(x)
