"""Colours, against moments and spaces computed another way."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest
import torch
from torch import Tensor

from core.nst import colour
from core.nst.network.pixels import to_tensor
from tests.conftest import photo

CPU = torch.device("cpu")


def image(seed: int, width: int = 40, height: int = 30) -> Tensor:
    return to_tensor(photo(width, height, seed=seed), (width, height), CPU)


def yiq(rgb: Tensor) -> np.ndarray:
    pixels = rgb[0].permute(1, 2, 0).reshape(-1, 3).double().numpy()
    return np.array([colorsys.rgb_to_yiq(*pixel) for pixel in pixels])


def test_luminance_is_the_y_of_yiq() -> None:
    picture = image(1)
    # colorsys rounds the weights to two digits.
    np.testing.assert_allclose(
        colour.luminance(picture).flatten().numpy(), yiq(picture)[:, 0], atol=0.005
    )


def test_a_matched_luminance_has_the_contents_mean_and_deviation() -> None:
    style, content = colour.luminance(image(1)), colour.luminance(image(2, 33, 20))
    matched = colour.match_luminance(style, content)
    assert matched.shape == style.shape
    assert float(matched.mean()) == pytest.approx(float(content.mean()), abs=1e-5)
    assert np.std(matched.numpy()) == pytest.approx(np.std(content.numpy()), abs=1e-5)


def test_another_luminance_leaves_the_chroma_alone() -> None:
    content = image(1) * 0.4 + 0.3  # so that nothing is cut off
    luma = (colour.luminance(content) + 0.1 * torch.rand(1, 1, 30, 40)).clamp(0, 1)
    result = colour.with_luminance(content, luma)
    np.testing.assert_allclose(yiq(result)[:, 1:], yiq(content)[:, 1:], atol=0.005)
    torch.testing.assert_close(colour.luminance(result), luma)


def test_matched_colours_have_the_contents_mean_and_covariance() -> None:
    # Squeezed towards grey, so that nothing is cut off at black or white.
    style, content = image(1) * 0.2 + 0.4, image(2, 33, 20) * 0.2 + 0.4
    matched = colour.match_colours(style, content)
    ours, theirs = (x[0].flatten(1).double().numpy() for x in (matched, content))
    np.testing.assert_allclose(ours.mean(axis=1), theirs.mean(axis=1), atol=1e-5)
    np.testing.assert_allclose(np.cov(ours), np.cov(theirs), atol=5e-5)


def test_colours_that_match_already_stay() -> None:
    picture = image(3)
    torch.testing.assert_close(colour.match_colours(picture, picture), picture, atol=1e-4, rtol=0)


def test_a_grey_picture_can_be_matched_and_match() -> None:
    grey = torch.full((1, 3, 20, 20), 0.5)
    for matched in (
        colour.match_colours(grey, image(1)),
        colour.match_colours(image(1), grey),
        colour.match_luminance(colour.luminance(grey), colour.luminance(image(1))),
    ):
        assert torch.isfinite(matched).all()
