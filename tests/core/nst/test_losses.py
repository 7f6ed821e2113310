"""The losses against formulas written another way, in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from core.nst.losses import content_loss, gram, style_loss


def features(channels: int = 5, height: int = 4, width: int = 7, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(1, channels, height, width, generator=generator, dtype=torch.float64)


def test_gram_equals_the_sum_over_positions_written_out() -> None:
    F = features()
    expected = torch.einsum("nihw,njhw->ij", F, F) / (4 * 7)
    torch.testing.assert_close(gram(F), expected)


def test_gram_of_ones_is_ones() -> None:
    torch.testing.assert_close(gram(torch.ones(1, 3, 8, 9)), torch.ones(3, 3))


def test_gram_does_not_care_where_things_are() -> None:
    F = features()
    shuffled = F.flatten(2)[:, :, torch.randperm(28)].reshape(F.shape)
    torch.testing.assert_close(gram(shuffled), gram(F))


def test_gram_is_the_same_for_both_memory_layouts() -> None:
    F = features()
    torch.testing.assert_close(gram(F.contiguous(memory_format=torch.channels_last)), gram(F))


def test_content_loss_is_the_mean_of_squared_differences() -> None:
    F, P = features(seed=1), features(seed=2)
    expected = np.mean((F.numpy() - P.numpy()) ** 2)
    assert float(content_loss(F, P)) == pytest.approx(expected, rel=1e-12)


def test_style_loss_is_the_weighted_sum_of_mean_squared_differences() -> None:
    G = {"a": gram(features(3, seed=1)), "b": gram(features(6, seed=2))}
    A = {"a": gram(features(3, seed=3)), "b": gram(features(6, seed=4))}
    expected = sum(
        weight * np.square(G[layer].numpy() - A[layer].numpy()).sum() / G[layer].numel()
        for layer, weight in (("a", 0.3), ("b", 0.7))
    )
    assert float(style_loss(G, A, {"a": 0.3, "b": 0.7})) == pytest.approx(expected, rel=1e-12)


def test_each_loss_is_exactly_zero_at_its_own_target() -> None:
    F = features()
    assert float(content_loss(F, F)) == 0
    assert float(style_loss({"a": gram(F)}, {"a": gram(F)}, {"a": 1.0})) == 0


def test_the_gradients_are_right_by_finite_differences() -> None:
    F, P = features(2, 3, 3, seed=1).requires_grad_(), features(2, 3, 3, seed=2)
    A = gram(features(2, 3, 3, seed=3))
    assert torch.autograd.gradcheck(lambda x: content_loss(x, P), F)
    assert torch.autograd.gradcheck(lambda x: style_loss({"a": gram(x)}, {"a": A}, {"a": 1.0}), F)
