"""Masks: their regions, what each region is painted like, and invalid masks."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from core.errors import InvalidPicture, InvalidRequest
from core.nst import VGG19, Pictures, stylize
from core.nst.network.pixels import to_tensor
from core.nst.objective import Objective
from core.nst.regions import at_layer
from core.nst.targets import Masks
from core.params import StyleParams
from core.pictures.masks import check_areas, regions_of
from tests.conftest import photo
from tests.core.nst.examples import (
    CONTENT,
    CPU,
    OTHER,
    STYLE,
    flat,
    guides_of,
    halves,
    run,
    small_params,
)

RED, BLUE = (255, 0, 0), (0, 0, 255)


def test_each_colour_of_a_mask_is_a_region() -> None:
    guides = guides_of(halves((40, 30)), (20, 16))
    assert set(guides.areas) == {RED, BLUE}
    red = guides.region(RED)[0, 0]
    assert red.shape == (16, 20)
    assert red[:, :10].min() == 1
    assert red[:, 10:].max() == 0


def test_the_regions_at_a_layer_add_up_to_1_at_every_position() -> None:
    guides = guides_of(halves((40, 30)), (31, 37))
    total = sum(at_layer(guides.region(label), "conv3_1") for label in guides.areas)
    torch.testing.assert_close(total, torch.ones(9, 7))


def test_a_photograph_is_not_a_mask() -> None:
    with pytest.raises(InvalidPicture, match="has more than 16 colours"):
        guides_of(photo(40, 30), (40, 30))


def test_a_region_thinner_than_a_pixel_does_not_vanish() -> None:
    mask = flat((4000, 3000), "blue")
    mask.paste("red", (4, 0, 11, 3000))
    guides = guides_of(mask, (512, 384))
    red = guides.region(RED)
    assert guides.areas[RED] == 7 / 4000
    assert float(red.mean()) == pytest.approx(7 / 4000, rel=0.1)
    torch.testing.assert_close(red + guides.region(BLUE), torch.ones_like(red))
    assert float(at_layer(red, "conv5_1").sum()) > 0


class CountingImage(Image.Image):
    """A picture that counts how often its pixels are read."""

    reads = 0

    @classmethod
    def of(cls, picture: Image.Image) -> CountingImage:
        counting = picture.copy()
        counting.__class__ = cls
        assert isinstance(counting, CountingImage)
        return counting

    def load(self) -> Any:
        self.reads += 1
        return super().load()


def test_a_mask_is_read_once_for_all_scales(tiny_network: VGG19) -> None:
    reads = []
    for pyramid, scales in (("off", 1), ("32:1.5", 3)):
        content_mask, style_mask = (
            CountingImage.of(halves(picture.size)) for picture in (CONTENT, STYLE)
        )
        pictures = Pictures(CONTENT, [STYLE], None, content_mask, [style_mask])
        last = run(tiny_network, pictures, pyramid=pyramid, style_layers=["conv1_1"])[-1]
        assert last.scales == scales
        reads.append((content_mask.reads, style_mask.reads))
    assert reads[0] == reads[1]
    assert min(reads[0]) > 0


def two_photos(params: StyleParams, network: VGG19, masks: Masks | None) -> Objective:
    content = to_tensor(photo(64, 48, seed=1), (64, 48), CPU)
    styles = [to_tensor(photo(48, 64, seed=seed), (48, 64), CPU) for seed in (2, 3)]
    return Objective(network, content, styles, params, masks)


def test_one_region_over_everything_equals_no_mask(tiny_network: VGG19) -> None:
    green = flat((64, 64), "green")
    masks = Masks(guides_of(green, (64, 48)), (guides_of(green, (48, 64)),) * 2)
    image = to_tensor(photo(64, 48, seed=4), (64, 48), CPU)
    masked, plain = (
        two_photos(StyleParams(), tiny_network, each).at(image) for each in (masks, None)
    )
    torch.testing.assert_close(masked.style, plain.style)


def test_a_region_counts_by_its_part_of_the_content(tiny_network: VGG19) -> None:
    # The styles are black, so every target is the same and a region's loss is that of its crop.
    params = StyleParams.model_validate(
        {"style_layers": ["conv1_1"], "style_weight": 20, "padding": "replicate"}
    )
    network = tiny_network.using(padding=params.padding)
    quarter = flat((64, 48), "blue")
    quarter.paste("red", (0, 0, 16, 48))
    red, blue = flat((64, 48), "red"), flat((64, 48), "blue")
    black = torch.zeros(1, 3, 48, 64)
    image = to_tensor(photo(64, 48, seed=4), (64, 48), CPU)

    def style_loss(mask: Image.Image, *style_masks: Image.Image) -> float:
        guides = (guides_of(each, (64, 48)) for each in style_masks)
        masks = Masks(guides_of(mask, (64, 48)), tuple(guides))
        styles = [black for _ in style_masks]
        return float(Objective(network, black, styles, params, masks).at(image).style)

    F = network.features(image, ["conv1_1"])["conv1_1"]
    A = network.features(black, ["conv1_1"])["conv1_1"][0, :, 0, 0]
    losses = [
        float(
            (torch.einsum("ihw,jhw->ij", part, part) / part[0].numel() - A.outer(A)).square().mean()
        )
        for part in (F[0, :, :, :16], F[0, :, :, 16:])
    ]
    assert style_loss(quarter, red, blue) == pytest.approx(
        0.25 * losses[0] + 0.75 * losses[1], rel=1e-4
    )


def test_the_pixels_of_one_region_do_not_depend_on_the_target_of_another(
    tiny_network: VGG19,
) -> None:
    params = StyleParams(content_weight=0, style_weight=20, style_layers=("conv1_1",))
    content = to_tensor(photo(64, 48, seed=1), (64, 48), CPU)
    image = to_tensor(photo(64, 48, seed=4), (64, 48), CPU)
    masks = Masks(
        guides_of(halves((64, 48)), (64, 48)),
        tuple(guides_of(flat((8, 8), name), (48, 64)) for name in ("red", "blue")),
    )
    gradients = []
    for blue_seed in (3, 5):
        styles = [to_tensor(photo(48, 64, seed=seed), (48, 64), CPU) for seed in (2, blue_seed)]
        _, gradient = Objective(tiny_network, content, styles, params, masks).with_gradient(image)
        gradients.append(gradient.numpy())
    # The 3 x 3 filter sees one pixel beyond the border of the region.
    np.testing.assert_allclose(gradients[0][..., :31], gradients[1][..., :31], rtol=1e-5)
    assert not np.allclose(gradients[0][..., 33:], gradients[1][..., 33:])


def test_a_run_with_masks_lowers_the_style_loss(tiny_network: VGG19) -> None:
    masked = Pictures(
        *(CONTENT, [STYLE, OTHER]),
        content_mask=halves(CONTENT.size),
        style_masks=[flat(STYLE.size, "red"), flat(OTHER.size, "blue")],
    )
    losses = [float(step.loss.style) for step in run(tiny_network, masked, steps=30)]
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize(
    ("width", "is_valid"), [(7, False), (100, False), (200, True), (300, True)]
)
def test_the_api_and_the_optimiser_refuse_the_same_regions(
    tiny_network: VGG19, width: int, is_valid: bool
) -> None:
    mask = flat((800, 600), "blue")
    mask.paste("red", (4, 0, 4 + width, 60))
    pictures = Pictures(photo(800, 600), [STYLE], None, mask, [halves(STYLE.size)])
    params = small_params(style_layers=["conv4_1"])
    try:
        check_areas("content_mask", dict(regions_of(mask)), (64, 48), params.style_layers)
    except InvalidRequest as error:
        assert not is_valid
        with pytest.raises(InvalidRequest, match=re.escape(str(error))):
            next(stylize(pictures, params, tiny_network))
    else:
        assert is_valid
        *_, last = stylize(pictures, params, tiny_network)
        assert torch.isfinite(last.loss.total)


def test_a_label_without_a_counterpart_is_an_error_that_names_it(tiny_network: VGG19) -> None:
    red, both = flat(CONTENT.size, "red"), halves(STYLE.size)
    with pytest.raises(InvalidRequest, match=r"content_mask: lacks colours .*: #0000ff"):
        run(tiny_network, Pictures(CONTENT, [STYLE], None, red, [both]))
    with pytest.raises(InvalidRequest, match=r"content_mask: has colours .*: #0000ff"):
        run(tiny_network, Pictures(CONTENT, [STYLE], None, both, [red]))


def test_the_content_and_every_style_need_a_mask_if_one_has_it() -> None:
    mask = halves(CONTENT.size)
    with pytest.raises(InvalidRequest, match="style_mask: expected one file for each style"):
        Pictures(CONTENT, [STYLE, OTHER], content_mask=mask, style_masks=[mask])
    with pytest.raises(InvalidRequest, match="content_mask: is missing"):
        Pictures(CONTENT, [STYLE], style_masks=[mask])
