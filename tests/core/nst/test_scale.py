"""The scales of a run: sizes, the images to start from, and the objective of each phase."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InvalidRequest
from core.nst import VGG19, Pictures
from core.nst.network.precision import FLOAT32, INT8, INT8_AND_FLOAT32, NumberFormat
from core.params.schedule import Phase
from tests.conftest import photo, random_weights
from tests.core.nst.examples import (
    CONTENT,
    OTHER,
    PICTURES,
    STYLE,
    flat,
    resized,
    run,
    scale_of,
    small_params,
)


def test_the_seed_changes_the_noise_and_nothing_else(tiny_network: VGG19) -> None:
    noise = [run(tiny_network, init="noise", seed=seed)[0].image for seed in (1, 2)]
    assert not torch.equal(*noise)
    content = [run(tiny_network, seed=seed)[-1].image for seed in (1, 2)]
    assert torch.equal(*content)


def test_a_run_can_start_from_an_init_image(tiny_network: VGG19) -> None:
    pictures = Pictures(CONTENT, [STYLE], init_image=OTHER)
    start = run(tiny_network, pictures, init="image")[0]
    assert np.array_equal(np.asarray(start.picture()), resized(OTHER, (64, 43)))


def test_a_run_can_start_from_the_stretched_style(tiny_network: VGG19) -> None:
    start = run(tiny_network, init="style")[0].pixels()
    assert np.abs(start - resized(STYLE, (64, 43)) / 255).mean() < 0.05


def test_init_and_the_init_image_must_agree(tiny_network: VGG19) -> None:
    with pytest.raises(InvalidRequest, match="init_image: init is image, but no picture was sent"):
        run(tiny_network, init="image")
    with pytest.raises(InvalidRequest, match="init_image: init is content, but a picture was sent"):
        run(tiny_network, Pictures(CONTENT, [STYLE], init_image=OTHER))


@pytest.mark.parametrize("color", ["style", "content"])
def test_the_contents_detail_survives_the_smaller_scales(tiny_network: VGG19, color: str) -> None:
    # Without a style weight nothing is painted, so every scale starts from the content itself.
    last = run(tiny_network, pyramid="32:2", style_weight=0, steps=1, color=color)[-1]
    assert last.scales == 2
    difference = np.asarray(last.picture()).astype(int) - resized(CONTENT, (64, 43))
    assert np.abs(difference).max() <= 1


def test_noise_is_not_added_again_at_the_next_scale(tiny_network: VGG19) -> None:
    # The next scale starts from the enlarged result alone, which has no detail of its own.
    steps = run(tiny_network, init="noise", pyramid="32:2", steps=1, learning_rate=1e-6)
    smaller, larger = (next(s for s in steps if s.scale == scale) for scale in (0, 1))
    enlarged = torch.nn.functional.interpolate(
        smaller.image, larger.image.shape[2:], mode="bicubic", antialias=True
    ).clamp(0, 1)
    torch.testing.assert_close(larger.image, enlarged, atol=1e-3, rtol=0)


def test_style_scale_is_relative_to_the_size_of_the_result(tiny_network: VGG19) -> None:
    scale = scale_of(PICTURES, small_params(style_scale=1.5), tiny_network)
    assert scale.styles[0].shape == (1, 3, 84, 96)


def test_a_style_that_becomes_too_thin_is_an_error_that_names_it(tiny_network: VGG19) -> None:
    with pytest.raises(InvalidRequest, match="style: would be 64x3"):
        run(tiny_network, Pictures(CONTENT, [photo(400, 20)]))


@settings(max_examples=15, deadline=None)
@given(st.integers(16, 300), st.integers(16, 300), st.sampled_from([64, 67, 97, 128]))
def test_the_result_has_the_requested_size_and_the_contents_aspect_ratio(
    width: int, height: int, size: int
) -> None:
    pictures = Pictures(photo(width, height), [STYLE])
    try:
        last = run(VGG19(random_weights(seed=0)), pictures, size=size, steps=2, pyramid="32:2")[-1]
    except InvalidRequest:
        assert round(min(width, height) * size / max(width, height)) < 16
        return
    result_height, result_width, _ = last.pixels().shape
    assert max(result_width, result_height) == size
    rounding = width / height / min(result_width, result_height)
    assert result_width / result_height == pytest.approx(width / height, abs=rounding)


def test_a_scale_too_small_for_a_thin_content_is_left_out(tiny_network: VGG19) -> None:
    thin = Pictures(photo(200, 40), [STYLE])
    assert {step.width for step in run(tiny_network, thin, size=128, pyramid="32:2")} == {128}


def test_a_scale_too_small_for_the_style_scale_is_left_out(tiny_network: VGG19) -> None:
    steps = run(tiny_network, size=128, pyramid="32:2", style_scale=0.3)
    assert {step.width for step in steps} == {64, 128}  # at 32 the style would have 10 pixels


def test_a_scale_too_small_for_a_region_is_left_out(tiny_network: VGG19) -> None:
    # The blue region covers 1.1 positions of conv5_1 at 96 pixels, a quarter of that at 48.
    mask = flat(CONTENT.size, "red")
    mask.paste("blue", (0, 0, 24, 24))
    style_masks = [flat(STYLE.size, "red"), flat(OTHER.size, "blue")]
    masked = Pictures(CONTENT, [STYLE, OTHER], content_mask=mask, style_masks=style_masks)
    assert run(tiny_network, masked, size=96, pyramid="48:2")[-1].scales == 1
    layers = {"style_layers": ["conv2_1"]}
    assert run(tiny_network, masked, size=96, pyramid="48:2", **layers)[-1].scales == 2


def test_every_scale_has_the_weights_of_the_request(tiny_network: VGG19) -> None:
    for step in run(tiny_network, pyramid="32:2", content_weight=2, style_weight=1e3):
        expected = 2 * float(step.loss.content) + 1e3 * float(step.loss.style)
        assert float(step.loss.total) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("number_format", [FLOAT32, INT8, INT8_AND_FLOAT32])
def test_features_are_in_8_bits_only_in_int8_phases_of_an_int8_format(
    tiny_network: VGG19, number_format: NumberFormat
) -> None:
    scale = scale_of(PICTURES, small_params(), tiny_network.using(number_format))
    image = 1 - scale.start()
    exact, quantised = (
        scale.objective_in(Phase(64, 1, int8=int8)).at(image).total for int8 in (False, True)
    )
    assert torch.equal(exact, scale.objective.at(image).total)
    assert torch.equal(quantised, exact) is (number_format is FLOAT32)
