"""The losses and their gradients, compared with the formulas written in another way."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor

from core.nst.losses import content_gradient, content_loss, tv_gradient, tv_loss
from tests.core.nst.examples import finite_differences, uniform


def features(channels: int = 5, height: int = 4, width: int = 7, seed: int = 0) -> Tensor:
    return uniform(seed, 1, channels, height, width)


def test_content_loss_is_the_mean_of_squared_differences() -> None:
    F, P = features(seed=1), features(seed=2)
    expected = np.mean((F.numpy() - P.numpy()) ** 2)
    assert float(content_loss(F, P)) == pytest.approx(expected, rel=1e-12)


def test_tv_loss_is_the_sum_of_both_mean_squared_differences() -> None:
    image = features(3, 6, 5)
    x = image.numpy()[0]
    expected = np.mean(np.diff(x, axis=2) ** 2) + np.mean(np.diff(x, axis=1) ** 2)
    assert float(tv_loss(image)) == pytest.approx(expected, rel=1e-12)


def test_every_loss_is_exactly_0_at_its_target() -> None:
    F = features()
    assert float(content_loss(F, F)) == 0
    assert float(tv_loss(torch.full((1, 3, 5, 5), 0.7))) == 0


def test_gradients_match_finite_differences() -> None:
    F, P = features(2, 3, 4, seed=1), features(2, 3, 4, seed=2)
    close = partial(torch.testing.assert_close, rtol=1e-6, atol=1e-8)
    close(content_gradient(F, P), finite_differences(lambda x: content_loss(x, P), F))
    close(tv_gradient(F), finite_differences(tv_loss, F))
