"""Masks: labels, regions, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from core.errors import InvalidPicture, InvalidRequest
from core.nst import VGG19
from core.nst.losses import gram
from core.nst.network.pixels import to_tensor
from core.nst.objective import Objective
from core.nst.regions import Guides, Mask
from core.nst.targets import Masks
from core.params import StyleParams
from tests.conftest import photo

CPU = torch.device("cpu")
RED, BLUE = (255, 0, 0), (0, 0, 255)


def guides_of(mask: Image.Image, size: tuple[int, int], device: torch.device) -> Guides:
    return Mask(mask, "content_mask").guides(size, device)


def halves(width: int, height: int, left: str = "red", right: str = "blue") -> Image.Image:
    mask = Image.new("RGB", (width, height), right)
    mask.paste(left, (0, 0, width // 2, height))
    return mask


def test_each_colour_is_a_region() -> None:
    guides = guides_of(halves(40, 30), (20, 16), CPU)
    assert set(guides.regions) == {RED, BLUE}
    red = guides.regions[RED][0, 0]
    assert red.shape == (16, 20)
    assert red[:, :10].min() == 1
    assert red[:, 10:].max() == 0


def test_the_regions_of_a_layer_share_every_position() -> None:
    guides = guides_of(halves(40, 30), (31, 37), CPU)
    total = sum(guides.at(label, "conv3_1") for label in guides.regions)
    torch.testing.assert_close(total, torch.ones(9, 7))


def test_a_photograph_is_no_mask() -> None:
    with pytest.raises(InvalidPicture, match="has more than 16 colours"):
        guides_of(photo(40, 30), (40, 30), CPU)


def test_a_region_thinner_than_a_pixel_is_seen_by_its_area() -> None:
    mask = Image.new("RGB", (4000, 3000), "blue")
    mask.paste("red", (4, 0, 11, 3000))
    guides = guides_of(mask, (512, 384), CPU)
    red = guides.regions[RED]
    assert guides.areas[RED] == 7 / 4000
    assert float(red.mean()) == pytest.approx(7 / 4000, rel=0.1)
    torch.testing.assert_close(red + guides.regions[BLUE], torch.ones_like(red))
    assert float(guides.at(RED, "conv5_1").sum()) > 0


def objective(network: VGG19, masks: Masks | None, **params: object) -> Objective:
    content = to_tensor(photo(64, 48, seed=1), (64, 48), CPU)
    styles = [to_tensor(photo(48, 64, seed=seed), (48, 64), CPU) for seed in (2, 3)]
    return Objective(network, content, styles, StyleParams.model_validate(params), masks)


def test_one_region_over_everything_is_the_same_as_no_mask(tiny_network: VGG19) -> None:
    one = Image.new("RGB", (64, 64), "green")
    masks = Masks(
        guides_of(one, (64, 48), CPU),
        tuple(guides_of(one, (48, 64), CPU) for _ in range(2)),
    )
    image = to_tensor(photo(64, 48, seed=4), (64, 48), CPU)
    masked = objective(tiny_network, masks)(image)
    plain = objective(tiny_network, None)(image)
    torch.testing.assert_close(masked.style, plain.style)


def test_a_region_takes_its_style_from_the_region_of_the_same_label(tiny_network: VGG19) -> None:
    # The first style picture is all red, the second all blue: each half has one target.
    masks = Masks(
        guides_of(halves(64, 48), (64, 48), CPU),
        tuple(guides_of(Image.new("RGB", (8, 8), name), (48, 64), CPU) for name in ("red", "blue")),
    )
    found = objective(tiny_network, masks, style_blend="1,9")
    for seed, label in ((2, RED), (3, BLUE)):
        style = to_tensor(photo(48, 64, seed=seed), (48, 64), CPU)
        features = tiny_network.features(style, ["conv2_1"])
        torch.testing.assert_close(found._targets.A["conv2_1", label], gram(features["conv2_1"]))
    assert found._weights["conv2_1", RED] == pytest.approx(0.1)


def test_a_region_whose_styles_have_no_weight_is_refused(tiny_network: VGG19) -> None:
    masks = Masks(
        guides_of(halves(64, 48), (64, 48), CPU),
        tuple(guides_of(Image.new("RGB", (8, 8), name), (48, 64), CPU) for name in ("red", "blue")),
    )
    with pytest.raises(InvalidRequest, match=r"no weight.*#0000ff"):
        objective(tiny_network, masks, style_blend="1,0")


def test_pixels_of_one_region_do_not_feel_the_target_of_another(tiny_network: VGG19) -> None:
    params = StyleParams(content_weight=0, style_layers=("conv1_1",))
    content = to_tensor(photo(64, 48, seed=1), (64, 48), CPU)
    image = to_tensor(photo(64, 48, seed=4), (64, 48), CPU)
    mask = guides_of(halves(64, 48), (64, 48), CPU)
    gradients = []
    for blue_seed in (3, 5):
        styles = [to_tensor(photo(48, 64, seed=seed), (48, 64), CPU) for seed in (2, blue_seed)]
        masks = Masks(
            mask,
            tuple(
                guides_of(Image.new("RGB", (8, 8), name), (48, 64), CPU) for name in ("red", "blue")
            ),
        )
        _, gradient = Objective(tiny_network, content, styles, params, masks).with_gradient(image)
        gradients.append(gradient.numpy())
    # One pixel beside the border the 3x3 filter looks across.
    np.testing.assert_allclose(gradients[0][..., :31], gradients[1][..., :31], rtol=1e-5)
    assert not np.allclose(gradients[0][..., 33:], gradients[1][..., 33:])
