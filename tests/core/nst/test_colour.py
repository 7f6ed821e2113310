"""Colour modes, compared with other libraries' colour spaces and moments."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from core.nst import VGG19, Pictures
from core.nst.colour import luminance, match_colours, match_luminance, with_luminance
from core.nst.network.pixels import to_picture, to_tensor
from core.nst.style import statistics
from tests.conftest import photo
from tests.core.nst.examples import CONTENT, CPU, STYLE, resized, run, scale_of, small_params


def image(seed: int, width: int = 40, height: int = 30) -> Tensor:
    return to_tensor(photo(width, height, seed=seed), (width, height), CPU)


def yiq(rgb: Tensor) -> np.ndarray:
    pixels = rgb[0].permute(1, 2, 0).reshape(-1, 3).double().numpy()
    return np.array([colorsys.rgb_to_yiq(*pixel) for pixel in pixels])


def test_luminance_is_the_y_of_yiq() -> None:
    # colorsys rounds the weights to two digits.
    expected = yiq(image(1))[:, 0]
    np.testing.assert_allclose(luminance(image(1)).flatten().numpy(), expected, atol=0.005)


def test_a_matched_luminance_has_the_contents_mean_and_deviation() -> None:
    style, content = luminance(image(1)), luminance(image(2, 33, 20))
    matched = match_luminance(style, content)
    assert matched.shape == style.shape
    assert float(matched.mean()) == pytest.approx(float(content.mean()), abs=1e-5)
    assert np.std(matched.numpy()) == pytest.approx(np.std(content.numpy()), abs=1e-5)


def test_replacing_the_luminance_keeps_i_and_q() -> None:
    content = image(1) * 0.4 + 0.3  # far enough from black and white not to be clamped
    luma = (luminance(content) + 0.1 * torch.rand(1, 1, 30, 40)).clamp(0, 1)
    result = with_luminance(content, luma)
    np.testing.assert_allclose(yiq(result)[:, 1:], yiq(content)[:, 1:], atol=0.005)
    torch.testing.assert_close(luminance(result), luma)


def test_matched_colours_have_the_contents_mean_and_covariance() -> None:
    # Near grey, so that nothing is clamped at black or white.
    style, content = image(1) * 0.2 + 0.4, image(2, 33, 20) * 0.2 + 0.4
    matched, expected = (
        x[0].flatten(1).double().numpy() for x in (match_colours(style, content), content)
    )
    np.testing.assert_allclose(matched.mean(axis=1), expected.mean(axis=1), atol=1e-5)
    np.testing.assert_allclose(np.cov(matched), np.cov(expected), atol=5e-5)


def test_matching_a_picture_with_itself_changes_nothing() -> None:
    torch.testing.assert_close(match_colours(image(3), image(3)), image(3), atol=1e-4, rtol=0)


def test_matching_with_a_grey_picture_gives_finite_colours() -> None:
    grey = torch.full((1, 3, 20, 20), 0.5)
    for matched in (
        match_colours(grey, image(1)),
        match_colours(image(1), grey),
        match_luminance(luminance(grey), luminance(image(1))),
    ):
        assert torch.isfinite(matched).all()


def low_contrast(picture: Image.Image, offset: float | list[int]) -> Image.Image:
    return Image.fromarray((np.asarray(picture) * 0.3 + np.asarray(offset)).astype(np.uint8))


def test_color_content_changes_only_the_luminance(tiny_network: VGG19) -> None:
    content = low_contrast(CONTENT, 90)
    first, *_, last = run(tiny_network, Pictures(content, [STYLE]), color="content", steps=20)
    assert np.array_equal(np.asarray(first.picture()), resized(content, (64, 43)))
    change = last.pixels() - first.pixels()  # (H, W, 3)
    assert np.abs(change).max() > 0.05
    inside = (last.pixels() > 0).all(axis=2) & (last.pixels() < 1).all(axis=2)
    # Where every channel changes by the same, I and Q of YIQ do not change.
    np.testing.assert_allclose(change[inside], change[inside][:, :1].repeat(3, axis=1), atol=1e-5)


def test_the_losses_of_color_content_are_those_of_the_luminance_that_is_shown(
    tiny_network: VGG19,
) -> None:
    # The luminance of saturated colours can hardly change without clamping them.
    saturated = Image.fromarray((np.asarray(CONTENT) > 127).astype(np.uint8) * 255)
    last = run(
        tiny_network, Pictures(saturated, [STYLE]), color="content", steps=20, style_weight=20
    )[-1]

    def grey(pixels: np.ndarray) -> Tensor:
        luma = pixels.astype(np.float64) @ [0.299, 0.587, 0.114]
        return torch.from_numpy(luma).float().expand(1, 3, *luma.shape)

    shown, content = grey(last.pixels()), grey(resized(saturated, (64, 43)) / 255)
    style = resized(STYLE, (64, 56)) / 255 @ [0.299, 0.587, 0.114]
    matched = (style - style.mean()) / style.std() * float(content.std(correction=0))
    target = torch.from_numpy(matched + float(content.mean())).float().expand(1, 3, 56, 64)
    F, P = (tiny_network.features(each, ["conv4_2"])["conv4_2"] for each in (shown, content))
    assert float(last.loss.content) == pytest.approx(float(((F - P) ** 2).mean()), rel=1e-3)
    layers = small_params().style_layers
    G, A = (tiny_network.features(each, layers) for each in (shown, target))
    distances = [
        float(((statistics(G[n]).gram - statistics(A[n]).gram) ** 2).mean()) for n in layers
    ]
    assert float(last.loss.style) == pytest.approx(np.mean(distances), rel=1e-3)


def test_color_match_recolours_the_style_and_never_the_content(tiny_network: VGG19) -> None:
    pictures = Pictures(low_contrast(CONTENT, [20, 90, 120]), [STYLE])
    scale = scale_of(pictures, small_params(color="match"), tiny_network)
    content, style = (
        each[0].flatten(1).double().numpy() for each in (scale.content, *scale.styles)
    )
    np.testing.assert_allclose(style.mean(1), content.mean(1), atol=0.01)
    np.testing.assert_allclose(np.cov(style), np.cov(content), atol=2e-4)
    first, *_ = run(tiny_network, pictures, color="match")
    for picture in (to_picture(scale.content), first.picture()):
        assert np.array_equal(np.asarray(picture), resized(pictures.content, (64, 43)))
