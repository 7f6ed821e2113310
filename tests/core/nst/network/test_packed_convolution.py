"""Packed convolutions in bfloat16, compared with exact ones."""

from __future__ import annotations

import pytest
import torch

from core.nst.network.packed_convolution import PackedConvolution
from core.params import Padding
from tests.core.nst.examples import normal
from tests.core.nst.network.reference import convolve_relu, relative_error


@pytest.mark.parametrize("padding", Padding)
@pytest.mark.parametrize("channels", [3, 10, 64])
def test_features_match_the_exact_convolution_at_every_picture_size(
    padding: Padding, channels: int
) -> None:
    weight, bias = normal(1, 24, channels, 3, 3), normal(2, 24)
    convolution = PackedConvolution(weight.to(torch.bfloat16), bias.to(torch.bfloat16), padding)
    for height, width in ((3, 3), (17, 31), (32, 20)):  # the weight is packed once, for all sizes
        x = normal(3, 1, channels, height, width)
        y = convolution.forward(x.to(torch.bfloat16, memory_format=torch.channels_last))
        assert y.is_contiguous(memory_format=torch.channels_last)
        assert relative_error(y, convolve_relu(x, weight, bias, padding)) < 0.01
