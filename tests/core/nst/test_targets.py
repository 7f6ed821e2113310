"""The targets: cached from job to job, blended, and one for each region."""

from __future__ import annotations

from itertools import chain
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

from core.errors import InvalidRequest
from core.nst import VGG19
from core.nst.network.pixels import to_tensor
from core.nst.network.precision import BFLOAT16
from core.nst.objective import Objective
from core.nst.style import FeatureStatistics, statistics
from core.nst.targets import Masks, TargetPictures
from core.params import StyleParams
from tests.core.nst.examples import CPU, STYLE, flat, guides_of, halves, uniform

RED, BLUE = (255, 0, 0), (0, 0, 255)


def image(seed: int) -> Tensor:
    return uniform(seed, 1, 3, 32, 32).float()


def test_the_targets_of_several_styles_are_their_weighted_mean(tiny_network: VGG19) -> None:
    params = StyleParams.model_validate({"style_blend": "1,3"})
    first, second = (tiny_network.features(image(seed), ["conv3_1"]) for seed in (1, 2))
    pictures = TargetPictures(image(0), [image(1), image(2)], params, None)
    targets, _ = pictures.exact(tiny_network)
    # As of one picture with the first style on a quarter of its area.
    side_by_side = torch.cat([first["conv3_1"], *3 * [second["conv3_1"]]], dim=3)
    torch.testing.assert_close(targets.A["conv3_1", ()], statistics(side_by_side))


def test_the_targets_are_computed_in_float32_by_every_network(tiny_network: VGG19) -> None:
    pictures = TargetPictures(image(0), [image(1)], StyleParams(), None)
    exact, rounded = (
        pictures.exact(network)[0] for network in (tiny_network, tiny_network.using(BFLOAT16))
    )
    for targets in (exact, rounded):
        formats = {x.dtype for x in chain(*targets.A.values())}
        assert formats | {P.dtype for P in targets.P.values()} == {torch.float32}
    torch.testing.assert_close(exact.A, rounded.A, rtol=0, atol=0)


def test_the_strength_of_a_channel_is_the_largest_in_any_picture(tiny_network: VGG19) -> None:
    pictures = [image(0), 0.1 * image(1), image(2).clamp_max(0.3)]
    params = StyleParams.model_validate({"style_layers": ["conv2_1"]})
    _, rms = TargetPictures(pictures[0], pictures[1:], params, None).exact(tiny_network)
    features = [tiny_network.features(each, ["conv2_1"])["conv2_1"] for each in pictures]
    each_rms = torch.stack([F.square().mean((0, 2, 3)).sqrt() for F in features])
    torch.testing.assert_close(rms["conv2_1"], each_rms.amax(0))
    assert list(rms)[-1] == "conv4_2"  # the deepest layer that is compared


def cached_bytes(network: VGG19) -> int:
    return network.exact.cache.size_bytes()


def test_jobs_with_the_same_style_share_its_targets(tiny_weights: dict[str, Tensor]) -> None:
    content, other_content, style, other_style = (image(seed) for seed in range(4))
    network = VGG19(tiny_weights).using(BFLOAT16)
    Objective(network, content, [style], StyleParams())
    for_one_style = cached_bytes(network)
    assert for_one_style
    cached = Objective(network, other_content, [style.clone()], StyleParams())
    assert cached_bytes(network) == for_one_style
    fresh = Objective(VGG19(tiny_weights).using(BFLOAT16), other_content, [style], StyleParams())
    assert torch.equal(cached.at(content).style, fresh.at(content).style)
    Objective(network, content, [other_style], StyleParams())
    assert cached_bytes(network) == 2 * for_one_style


def test_each_choice_of_style_layers_has_its_own_cached_targets(
    tiny_weights: dict[str, Tensor],
) -> None:
    network = VGG19(tiny_weights)
    sizes = []
    for layers in (["conv1_1"], ["conv2_1"], ["conv1_1", "conv2_1"]):
        params = StyleParams.model_validate({"style_layers": layers})
        Objective(network, image(0), [image(1)], params)
        sizes.append(cached_bytes(network))
    assert sizes[0] < sizes[1] < sizes[2]


def targets_of_two_regions(
    network: VGG19, blend: str
) -> tuple[dict[Any, FeatureStatistics], list[Tensor]]:
    """Return the targets where the first style is all red and the second all blue."""
    params = StyleParams.model_validate({"style_blend": blend, "style_layers": ["conv2_1"]})
    styles = [to_tensor(STYLE.rotate(turn), (48, 64), CPU) for turn in (0, 90)]
    masks = Masks(
        guides_of(halves((64, 48)), (64, 48)),
        tuple(guides_of(flat((8, 8), name), (48, 64)) for name in ("red", "blue")),
    )
    content = to_tensor(Image.new("RGB", (64, 48)), (64, 48), CPU)
    targets, _ = TargetPictures(content, styles, params, masks).exact(network)
    return targets.A, styles


def test_a_region_takes_its_style_from_the_region_of_the_same_label(tiny_network: VGG19) -> None:
    A, styles = targets_of_two_regions(tiny_network, blend="1,9")
    for style, label in zip(styles, (RED, BLUE), strict=True):
        F = tiny_network.features(style, ["conv2_1"])["conv2_1"]
        torch.testing.assert_close(A["conv2_1", label], statistics(F))


def test_a_region_whose_styles_have_no_weight_is_an_error_that_names_it(
    tiny_network: VGG19,
) -> None:
    with pytest.raises(InvalidRequest, match=r"no weight.*#0000ff"):
        targets_of_two_regions(tiny_network, blend="1,0")
