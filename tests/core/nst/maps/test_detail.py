"""The detail map: its factors, the objective and its gradient, and what runs with it keep."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from core.errors import CheckpointMismatch, InvalidRequest
from core.nst import VGG19, Pictures, stylize
from core.nst.detail import content_factors, read_levels
from core.nst.losses import content_loss
from core.nst.objective import Objective
from core.nst.targets import Masks
from core.params import StyleParams
from tests.core.nst.examples import (
    CONTENT,
    CPU,
    FLOAT64,
    PICTURES,
    STYLE,
    guides_of,
    halves,
    resized,
    run,
    small_params,
    uniform,
)


def level_map(left: int, right: int, size: tuple[int, int] = CONTENT.size) -> Image.Image:
    """Return a map with one grey level in its left half and one in its right half."""
    picture = Image.new("L", size, right)
    picture.paste(left, (0, 0, size[0] // 2, size[1]))
    return picture


def with_map(detail_map: Image.Image) -> Pictures:
    return Pictures(CONTENT, [STYLE], detail_map=detail_map)


@pytest.mark.parametrize(
    ("level", "expected"),
    [(0, 0), (32, 0.25), (64, 0.5), (128, 1), (191.5, 4), (255, 16)],
)
def test_the_factor_is_0_at_black_1_at_mid_grey_and_16_at_white(
    level: float, expected: float
) -> None:
    factors = content_factors(torch.full((1, 1, 32, 48), float(level)), "conv4_2")
    assert factors.shape == (4, 6)
    torch.testing.assert_close(factors, torch.full((4, 6), float(expected)))


def test_mid_grey_is_exactly_1() -> None:
    levels = read_levels(Image.new("L", (97, 41), 128), (64, 27), CPU)
    assert (content_factors(levels, "conv4_2") == 1).all()


def test_a_brighter_level_never_has_a_smaller_factor() -> None:
    factors = content_factors(torch.arange(256.0).view(1, 1, 1, 256), "conv1_1")[0]
    assert (factors.diff() > 0).all()


def test_levels_are_averaged_over_the_area_of_a_position() -> None:
    stripes = np.zeros((240, 320), dtype=np.uint8)
    stripes[:, ::4] = 200  # a quarter of every pixel of the result
    levels = read_levels(Image.fromarray(stripes), (64, 48), CPU)
    factors = content_factors(levels, "conv4_2")
    torch.testing.assert_close(factors, torch.full((6, 8), 50 / 128))


def test_the_content_loss_is_the_mean_of_squares_times_factors() -> None:
    F, P, D = uniform(1, 1, 5, 4, 7), uniform(2, 1, 5, 4, 7), uniform(3, 4, 7)
    expected = np.einsum("nchw,hw->", (F - P).numpy() ** 2, D.numpy()) / (5 * 4 * 7)
    assert float(content_loss(F, P, D)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("masked", [False, True], ids=["no masks", "masks"])
@pytest.mark.parametrize("channels", [1, 3], ids=["grey", "colour"])
def test_the_gradient_with_a_detail_map_matches_autograd(
    tiny_network: VGG19, channels: int, *, masked: bool
) -> None:
    content, style = uniform(0, 1, 3, 40, 52), uniform(1, 1, 3, 48, 36)
    levels = 255 * uniform(3, 1, 1, 40, 52)
    params = StyleParams.model_validate({"content_layers": ["conv2_2", "conv4_2"]})
    guides = [guides_of(halves((30, 30)), size) for size in ((52, 40), (36, 48))]
    masks = Masks(guides[0], (guides[1],)) if masked else None
    objective = Objective(
        tiny_network.using(FLOAT64), content, [style], params, masks, detail=levels
    )
    at = uniform(2, 1, channels, 40, 52).requires_grad_()
    (expected,) = torch.autograd.grad(objective(at.expand(-1, 3, -1, -1)).total, at)
    loss, gradient = objective.with_gradient(at)
    torch.testing.assert_close(loss.content, objective.at(at).content)
    torch.testing.assert_close(gradient, expected, check_dtype=False, rtol=1e-6, atol=0)


def test_a_white_map_is_sixteen_times_the_content_weight(tiny_network: VGG19) -> None:
    content, style, at = (uniform(seed, 1, 3, 32, 48) for seed in range(3))
    white = torch.full((1, 1, 32, 48), 255.0)
    network = tiny_network.using(FLOAT64)
    (_, gradient), (_, expected) = (
        Objective(network, content, [style], StyleParams(content_weight=w), None, d).with_gradient(
            at
        )
        for w, d in ((3, white), (48, None))
    )
    torch.testing.assert_close(gradient, expected)


@pytest.mark.usefixtures("bfloat16_units")
@pytest.mark.parametrize("precision", ["float32", "bfloat16", "int8"])
@pytest.mark.parametrize("color", ["style", "content"])
def test_a_mid_grey_map_changes_no_bit(tiny_network: VGG19, precision: str, color: str) -> None:
    fields = {"precision": precision, "color": color, "pyramid": "32:2", "optimizer": "lbfgs"}
    plain, mapped = (
        run(tiny_network, pictures, **fields)[-1]
        for pictures in (PICTURES, with_map(level_map(128, 128)))
    )
    assert torch.equal(mapped.image, plain.image)
    assert mapped.loss == plain.loss


def change(pictures: Pictures, network: VGG19, **fields: object) -> tuple[float, float]:
    """Return how far the result is from the content, in its left and its right half."""
    fields = {"steps": 20, "content_layers": ["conv1_1"], "content_weight": 10, **fields}
    result = run(network, pictures, **fields)[-1]
    distance = np.abs(result.pixels() - resized(CONTENT, (result.width, result.height)) / 255)
    middle = result.width // 2
    return float(distance[:, :middle].mean()), float(distance[:, middle:].mean())


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"color": "content"},
        {"color": "match"},
        {"pyramid": "32:2"},
        {"pyramid": "32:2", "precision": "int8", "optimizer": "lbfgs", "learning_rate": 1.2},
        {"init": "noise"},
        {"init": "style"},
    ],
    ids=str,
)
def test_white_keeps_more_of_the_photograph_than_black(
    tiny_network: VGG19, fields: dict[str, object]
) -> None:
    left, right = change(with_map(level_map(255, 0)), tiny_network, **fields)
    other_left, other_right = change(with_map(level_map(0, 255)), tiny_network, **fields)
    assert left < other_left
    assert right > other_right


def test_masks_and_a_detail_map_work_together(tiny_network: VGG19) -> None:
    masks = halves(CONTENT.size), [halves(STYLE.size)]
    white, black = (
        change(Pictures(CONTENT, [STYLE], None, *masks, level_map(level, 128)), tiny_network)
        for level in (255, 0)
    )
    assert white[0] < black[0]


def test_a_run_with_a_detail_map_can_be_resumed_with_the_same_map_only(
    tiny_network: VGG19,
) -> None:
    pictures, params = with_map(level_map(255, 0)), small_params(pyramid="32:2")
    steps = list(stylize(pictures, params, tiny_network))
    checkpoint = steps[7].checkpoint()
    *_, resumed = stylize(pictures, params, tiny_network, resume=checkpoint)
    assert torch.equal(resumed.image, steps[-1].image)
    for other in (PICTURES, with_map(level_map(0, 255))):
        with pytest.raises(CheckpointMismatch, match="other pictures"):
            next(stylize(other, params, tiny_network, resume=checkpoint))


def test_a_map_may_have_another_size_than_the_content_but_not_other_proportions() -> None:
    with_map(level_map(255, 0, (48, 32)))
    with pytest.raises(InvalidRequest, match="detail_map: is 64x96 pixels upright"):
        with_map(level_map(255, 0, (64, 96)))
