"""The losses and their gradients, compared with the formulas written in another way."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor

from core.nst.losses import (
    add_gram_gradient,
    content_gradient,
    content_loss,
    gram,
    guided_gram,
    style_gradient,
    style_loss,
    tv_gradient,
    tv_loss,
)
from tests.core.nst.examples import uniform


def features(channels: int = 5, height: int = 4, width: int = 7, seed: int = 0) -> Tensor:
    return uniform(seed, 1, channels, height, width)


def test_gram_is_the_mean_over_positions_of_products_of_features() -> None:
    F = features()
    expected = torch.einsum("nihw,njhw->ij", F, F) / (4 * 7)
    torch.testing.assert_close(gram(F), expected)


def test_gram_of_ones_is_ones() -> None:
    torch.testing.assert_close(gram(torch.ones(1, 3, 8, 9)), torch.ones(3, 3))


def test_gram_does_not_depend_on_positions() -> None:
    F = features()
    shuffled = F.flatten(2)[:, :, torch.randperm(28)].reshape(F.shape)
    torch.testing.assert_close(gram(shuffled), gram(F))


def test_gram_does_not_depend_on_the_memory_layout() -> None:
    F = features()
    torch.testing.assert_close(gram(F.contiguous(memory_format=torch.channels_last)), gram(F))


def test_gram_of_bfloat16_features_is_rounded_only_once() -> None:
    F = features(4, 64, 64).to(torch.bfloat16)
    expected = torch.einsum("nihw,njhw->ij", F.double(), F.double()) / 4096
    assert gram(F).dtype == torch.float32
    torch.testing.assert_close(gram(F).double(), expected, rtol=2**-8, atol=0)


def test_the_guided_gram_of_a_rectangle_is_the_gram_of_the_crop() -> None:
    F = features(5, 8, 9)
    guide = torch.zeros(8, 9)
    guide[2:5, 3:9] = 1
    torch.testing.assert_close(guided_gram(F, guide), gram(F[:, :, 2:5, 3:9]))


def test_a_constant_guide_equals_no_guide() -> None:
    F = features()
    torch.testing.assert_close(guided_gram(F, torch.full((4, 7), 0.3)), gram(F))


def test_content_loss_is_the_mean_of_squared_differences() -> None:
    F, P = features(seed=1), features(seed=2)
    expected = np.mean((F.numpy() - P.numpy()) ** 2)
    assert float(content_loss(F, P)) == pytest.approx(expected, rel=1e-12)


def test_style_loss_is_the_weighted_sum_of_mean_squared_differences() -> None:
    G = [gram(features(3, seed=1)), gram(features(6, seed=2))]
    A = [gram(features(3, seed=3)), gram(features(6, seed=4))]
    expected = sum(
        weight * np.square(g.numpy() - a.numpy()).sum() / g.numel()
        for weight, g, a in zip((0.3, 0.7), G, A, strict=True)
    )
    loss = style_loss(zip((0.3, 0.7), G, A, strict=True))
    assert float(loss) == pytest.approx(expected, rel=1e-12)


def test_tv_loss_is_the_sum_of_both_mean_squared_differences() -> None:
    image = features(3, 6, 5)
    x = image.numpy()[0]
    expected = np.mean(np.diff(x, axis=2) ** 2) + np.mean(np.diff(x, axis=1) ** 2)
    assert float(tv_loss(image)) == pytest.approx(expected, rel=1e-12)


def test_every_loss_is_exactly_0_at_its_target() -> None:
    F = features()
    assert float(content_loss(F, F)) == 0
    assert float(style_loss([(1.0, gram(F), gram(F))])) == 0
    assert float(tv_loss(torch.full((1, 3, 5, 5), 0.7))) == 0


def finite_differences(loss: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Return the gradient, estimated by central differences."""
    gradient = torch.zeros_like(x)
    for index in np.ndindex(*x.shape):
        step = torch.zeros_like(x)
        step[index] = 1e-6
        gradient[index] = (loss(x + step) - loss(x - step)) / 2e-6
    return gradient


def test_gradients_match_finite_differences() -> None:
    F, P = features(2, 3, 4, seed=1), features(2, 3, 4, seed=2)
    A, guide = gram(features(2, 3, 4, seed=3)), features(1, 3, 4, seed=4)[0, 0]
    close = partial(torch.testing.assert_close, rtol=1e-6, atol=1e-8)
    close(content_gradient(F, P), finite_differences(lambda x: content_loss(x, P), F))
    close(tv_gradient(F), finite_differences(tv_loss, F))
    for layout in (torch.contiguous_format, torch.channels_last):
        F = F.contiguous(memory_format=layout)
        expected = finite_differences(lambda x: style_loss([(0.7, gram(x), A)]), F)
        close(add_gram_gradient(None, F, style_gradient(0.7, gram(F), A)), expected)
        by_gram = style_gradient(0.7, guided_gram(F, guide), A)
        expected = finite_differences(lambda x: style_loss([(0.7, guided_gram(x, guide), A)]), F)
        close(add_gram_gradient(None, F, by_gram, guide), expected)


@pytest.mark.parametrize("guided", [False, True])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_gradient_of_a_gram_matrix_is_added_to_an_earlier_gradient(
    layout: torch.memory_format, guided: bool
) -> None:
    F, before = (features(3, 4, 5, seed).contiguous(memory_format=layout) for seed in (1, 2))
    guide = features(1, 4, 5, seed=3)[0, 0] if guided else None
    by_gram = torch.tensor([[1.0, 2, 3], [2, 4, 5], [3, 5, 6]], dtype=torch.float64)
    expected = before + add_gram_gradient(None, F, by_gram, guide)
    torch.testing.assert_close(add_gram_gradient(before.clone(), F, by_gram, guide), expected)
