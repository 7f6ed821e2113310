"""Masks: labels, regions, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from core.errors import InvalidRequest
from core.nst import VGG19
from core.nst.losses import gram
from core.nst.objective import Masks, Objective
from core.nst.regions import Guides, check_labels, read_mask
from core.nst.tensors import to_tensor
from core.params import StyleParams
from tests.conftest import photo

CPU = torch.device("cpu")


def halves(width: int, height: int, left: str = "red", right: str = "blue") -> Image.Image:
    mask = Image.new("RGB", (width, height), right)
    mask.paste(left, (0, 0, width // 2, height))
    return mask


def test_each_colour_is_a_region() -> None:
    guides = read_mask(halves(40, 30), (20, 16), "content_mask", CPU)
    assert set(guides.regions) == {"#ff0000", "#0000ff"}
    red = guides.regions["#ff0000"][0, 0]
    assert red.shape == (16, 20)
    assert red[:, :10].min() == 1
    assert red[:, 10:].max() == 0


def test_the_regions_of_a_layer_share_every_position() -> None:
    guides = read_mask(halves(40, 30), (31, 37), "content_mask", CPU)
    total = sum(guides.at(label, "conv3_1") for label in guides.regions)
    torch.testing.assert_close(total, torch.ones(9, 7))


def test_a_photograph_is_no_mask() -> None:
    with pytest.raises(InvalidRequest, match=r"content_mask: has \d+ colours; expected at most 16"):
        read_mask(photo(40, 30), (40, 30), "content_mask", CPU)


def test_a_region_too_small_for_a_layer_is_refused_by_name() -> None:
    mask = Image.new("RGB", (64, 64), "blue")
    mask.putpixel((5, 5), (255, 0, 0))
    guides = read_mask(mask, (64, 64), "style_mask", CPU)
    assert float(guides.at("#ff0000", "conv1_1").sum()) == 1
    with pytest.raises(InvalidRequest, match=r"style_mask: the region #ff0000.*conv5_1"):
        guides.at("#ff0000", "conv5_1")


def guides(*labels: str) -> Guides:
    return Guides("", {label: torch.ones(1, 1, 2, 2) for label in labels})


def test_labels_must_match_and_the_odd_one_is_named() -> None:
    check_labels(guides("#1", "#2"), [guides("#1"), guides("#2")])
    with pytest.raises(InvalidRequest, match="style_mask: has no region #2"):
        check_labels(guides("#1", "#2"), [guides("#1")])
    with pytest.raises(InvalidRequest, match="content_mask: has no region #2"):
        check_labels(guides("#1"), [guides("#1", "#2")])


def objective(network: VGG19, masks: Masks | None, **params: object) -> Objective:
    content = to_tensor(photo(64, 48, seed=1), (64, 48), CPU)
    styles = [to_tensor(photo(48, 64, seed=seed), (48, 64), CPU) for seed in (2, 3)]
    return Objective(network, content, styles, StyleParams.model_validate(params), masks)


def test_one_region_over_everything_is_the_same_as_no_mask(tiny_network: VGG19) -> None:
    one = Image.new("RGB", (64, 64), "green")
    masks = Masks(
        read_mask(one, (64, 48), "content_mask", CPU),
        tuple(read_mask(one, (48, 64), "style_mask", CPU) for _ in range(2)),
    )
    image = to_tensor(photo(64, 48, seed=4), (64, 48), CPU)
    masked = objective(tiny_network, masks)(image)
    plain = objective(tiny_network, None)(image)
    torch.testing.assert_close(masked.style, plain.style)


def test_a_region_takes_its_style_from_the_region_of_the_same_label(tiny_network: VGG19) -> None:
    # The first style picture is all red, the second all blue: each half has one target.
    masks = Masks(
        read_mask(halves(64, 48), (64, 48), "content_mask", CPU),
        tuple(
            read_mask(Image.new("RGB", (8, 8), name), (48, 64), "style_mask", CPU)
            for name in ("red", "blue")
        ),
    )
    found = objective(tiny_network, masks, style_blend="1,9")
    for seed, label in ((2, "#ff0000"), (3, "#0000ff")):
        style = to_tensor(photo(48, 64, seed=seed), (48, 64), CPU)
        features = tiny_network.features(style, ["conv2_1"])
        torch.testing.assert_close(found._A["conv2_1", label], gram(features["conv2_1"]))
    assert found._weights["conv2_1", "#ff0000"] == pytest.approx(0.1)


def test_a_region_whose_styles_have_no_weight_is_refused(tiny_network: VGG19) -> None:
    masks = Masks(
        read_mask(halves(64, 48), (64, 48), "content_mask", CPU),
        tuple(
            read_mask(Image.new("RGB", (8, 8), name), (48, 64), "style_mask", CPU)
            for name in ("red", "blue")
        ),
    )
    with pytest.raises(InvalidRequest, match=r"no weight.*#0000ff"):
        objective(tiny_network, masks, style_blend="1,0")


def test_pixels_of_one_region_do_not_feel_the_target_of_another(tiny_network: VGG19) -> None:
    params = StyleParams(content_weight=0, style_layers=("conv1_1",))
    content = to_tensor(photo(64, 48, seed=1), (64, 48), CPU)
    image = to_tensor(photo(64, 48, seed=4), (64, 48), CPU)
    mask = read_mask(halves(64, 48), (64, 48), "content_mask", CPU)
    gradients = []
    for blue_seed in (3, 5):
        styles = [to_tensor(photo(48, 64, seed=seed), (48, 64), CPU) for seed in (2, blue_seed)]
        masks = Masks(
            mask,
            tuple(
                read_mask(Image.new("RGB", (8, 8), name), (48, 64), "style_mask", CPU)
                for name in ("red", "blue")
            ),
        )
        _, gradient = Objective(tiny_network, content, styles, params, masks).with_gradient(image)
        gradients.append(gradient.numpy())
    # One pixel beside the border the 3x3 filter looks across.
    np.testing.assert_allclose(gradients[0][..., :31], gradients[1][..., :31], rtol=1e-5)
    assert not np.allclose(gradients[0][..., 33:], gradients[1][..., 33:])
