"""The optimiser as a whole, with a tiny network."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import save

from core.errors import CheckpointMismatch, InvalidRequest, LossNotFinite
from core.nst import VGG19, Pictures, Step, pick_device, stylize
from core.nst.losses import gram
from core.nst.network.devices import make_deterministic
from core.nst.network.pixels import to_picture, to_tensor
from core.nst.network.precision import BFLOAT16, FLOAT32, INT8, NumberFormat, on_cpu, pick_format
from core.nst.scale import Scale, Scales
from core.nst.targets import EVERYTHING
from core.params import Layer, Precision, StyleParams
from core.pictures.masks import check_areas, regions_of
from tests.conftest import photo, random_weights

CPU = torch.device("cpu")
CONTENT, STYLE, OTHER = photo(96, 64, seed=1), photo(80, 70, seed=2), photo(64, 96, seed=3)
PICTURES = Pictures(CONTENT, [STYLE])
SMALL = {"size": 64, "steps": 5, "pyramid": "off", "precision": "float32", "optimizer": "adam"}


def params(**given: Any) -> StyleParams:
    return StyleParams.model_validate({**SMALL, **given})


def run(network: VGG19, pictures: Pictures = PICTURES, **given: Any) -> list[Step]:
    return list(stylize(pictures, params(**given), network))


def scale_of(pictures: Pictures, params: StyleParams, network: VGG19) -> Scale:
    return Scales(pictures, params, network).at(params.size)


def resized(picture: Image.Image, size: tuple[int, int]) -> np.ndarray:
    return np.asarray(picture.resize(size, Image.Resampling.LANCZOS))


def two_halves(width: int, height: int) -> Image.Image:
    mask = Image.new("RGB", (width, height), "red")
    mask.paste("blue", (0, 0, width // 2, height))
    return mask


def test_it_starts_at_the_content_and_yields_a_record_per_update(tiny_network: VGG19) -> None:
    first, *others = run(tiny_network)
    assert (first.step, first.steps, first.width, first.height) == (0, 5, 64, 43)
    assert float(first.loss.content) == 0
    assert np.array_equal(np.asarray(first.picture()), resized(CONTENT, (64, 43)))
    assert [step.step for step in others] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16", "int8"])
def test_the_objective_falls(tiny_network: VGG19, optimizer: str, precision: str) -> None:
    losses = [
        float(step.loss.total)
        for step in run(tiny_network, steps=40, optimizer=optimizer, precision=precision)
    ]
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "int8"])
def test_the_losses_are_those_of_the_result_by_the_definition_in_float64(
    tiny_network: VGG19, precision: str
) -> None:
    last = run(
        tiny_network,
        precision=precision,
        content_weight=3,
        style_weight=50,
        tv_weight=7,
        content_layers="conv3_2,conv4_2",
        style_layers="conv1_2,conv4_1",
        style_layer_weights="1,3",
    )[-1]
    content_layers: list[Layer] = ["conv3_2", "conv4_2"]
    style_layers: dict[Layer, float] = {"conv1_2": 0.25, "conv4_1": 0.75}
    double = VGG19(random_weights(seed=0), number_format=NumberFormat(torch.float64))
    image = torch.from_numpy(last.pixels()).double().permute(2, 0, 1)[None]
    found = double.features(image, [*content_layers, *style_layers])
    content = double.features(to_tensor(CONTENT, (64, 43), CPU).double(), content_layers)
    style = double.features(to_tensor(STYLE, (64, 56), CPU).double(), style_layers)
    content_term = sum(
        float((found[layer] - content[layer]).square().mean()) / 2 for layer in content_layers
    )
    style_term = sum(
        weight * float((gram(found[layer]) - gram(style[layer])).square().mean())
        for layer, weight in style_layers.items()
    )
    x = image.numpy()
    tv_term = np.mean(np.diff(x, axis=3) ** 2) + np.mean(np.diff(x, axis=2) ** 2)
    assert float(last.loss.content) == pytest.approx(content_term, rel=1e-4)
    assert float(last.loss.style) == pytest.approx(style_term, rel=1e-4)
    assert float(last.loss.tv) == pytest.approx(tv_term, rel=1e-4)
    total = 3 * content_term + 50 * style_term + 7 * tv_term
    assert float(last.loss.total) == pytest.approx(total, rel=1e-4)


def test_the_picture_stays_in_the_range_of_colours(tiny_network: VGG19) -> None:
    for optimizer in ("adam", "lbfgs"):
        image = run(tiny_network, optimizer=optimizer, learning_rate=1)[-1].image
        assert float(image.min()) >= 0
        assert float(image.max()) <= 1


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"optimizer": "lbfgs"},
        {"init": "noise", "seed": 7},
        {"precision": "bfloat16"},
        {"precision": "int8"},
        {"pyramid": "32:1.5"},
    ],
    ids=str,
)
def test_the_same_request_gives_the_same_picture(
    tiny_network: VGG19, given: dict[str, Any]
) -> None:
    first, second = run(tiny_network, **given)[-1], run(tiny_network, **given)[-1]
    assert torch.equal(first.image, second.image)


def test_another_seed_is_another_noise_and_only_there_matters(tiny_network: VGG19) -> None:
    noise = [run(tiny_network, init="noise", seed=seed)[0].image for seed in (1, 2)]
    assert not torch.equal(*noise)
    content = [run(tiny_network, seed=seed)[-1].image for seed in (1, 2)]
    assert torch.equal(*content)


def test_the_start_can_be_the_style_or_a_picture_of_ones_own(tiny_network: VGG19) -> None:
    own = Pictures(CONTENT, [STYLE], init_image=OTHER)
    start = run(tiny_network, own, init="image")[0]
    assert np.array_equal(np.asarray(start.picture()), resized(OTHER, (64, 43)))
    style = run(tiny_network, init="style")[0].pixels()
    close = np.abs(style - resized(STYLE, (64, 43)) / 255).mean()
    assert close < 0.05


RESUMABLE = [
    {"optimizer": optimizer, "pyramid": "32:2", "precision": precision, "color": color}
    for optimizer in ("adam", "lbfgs")
    for precision, color in (("float32", "style"), ("bfloat16", "content"), ("int8", "match"))
]


@pytest.mark.parametrize("given", RESUMABLE, ids=str)
def test_a_resumed_run_equals_the_uninterrupted_one_bit_for_bit(
    tiny_network: VGG19, given: dict[str, Any]
) -> None:
    wanted = params(**given)
    checkpoints, images = [], []
    for step in stylize(PICTURES, wanted, tiny_network):
        checkpoints.append(step.checkpoint())
        images.append(step.image)
    assert len(images) == 11  # two scales of five steps, and the result
    for at, data in enumerate(checkpoints):
        resumed = list(stylize(PICTURES, wanted, tiny_network, resume=data))
        assert [step.step for step in resumed] == list(range(at, 11))
        for step in resumed:
            assert torch.equal(step.image, images[step.step])


MASKED = Pictures(CONTENT, [STYLE], None, two_halves(*CONTENT.size), [two_halves(*STYLE.size)])


@pytest.mark.parametrize(
    ("pictures", "given"),
    [
        (PICTURES, {"size": 80}),
        (PICTURES, {"optimizer": "lbfgs"}),
        (PICTURES, {"steps": 4}),
        (PICTURES, {"pyramid": "32:2"}),
        (PICTURES, {"seed": 1}),
        (PICTURES, {"style_weight": 101}),
        (Pictures(OTHER, [STYLE]), {}),
        (Pictures(CONTENT, [OTHER]), {}),
        (Pictures(CONTENT, [STYLE, OTHER]), {}),
        (Pictures(CONTENT, [STYLE.transpose(Image.Transpose.FLIP_TOP_BOTTOM)]), {}),
        (MASKED, {}),
    ],
)
def test_a_checkpoint_of_another_request_is_refused(
    tiny_network: VGG19, pictures: Pictures, given: dict[str, Any]
) -> None:
    saved = next(stylize(PICTURES, params(), tiny_network)).checkpoint()
    with pytest.raises(CheckpointMismatch, match=r"other pictures or parameters; start without"):
        next(stylize(pictures, params(**given), tiny_network, resume=saved))


def test_a_checkpoint_that_cannot_be_read_is_refused(tiny_network: VGG19) -> None:
    for junk in (b"junk", save({"step": torch.tensor(3)})):
        with pytest.raises(CheckpointMismatch, match=r"start without|cannot be read"):
            next(stylize(PICTURES, params(), tiny_network, resume=junk))


def test_progress_over_the_scales_never_goes_back_and_ends_at_one(tiny_network: VGG19) -> None:
    steps = run(tiny_network, size=128, pyramid="32:2")
    fractions = [step.fraction for step in steps]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0, 1)
    assert [(step.scale, step.width) for step in steps[::5]] == [
        (0, 32),
        (1, 64),
        (2, 128),
        (2, 128),
    ]
    assert (steps[-1].step, steps[-1].steps, steps[-1].scales) == (15, 15, 3)


def test_progress_counts_the_steps_that_are_made(tiny_network: VGG19) -> None:
    steps = run(tiny_network, size=64, pyramid="32:2", steps=50)
    at_last = [step.scale for step in steps].index(1)
    assert (steps[at_last].step, steps[-1].step, steps[-1].steps) == (40, 90, 90)
    assert [step.fraction for step in steps] == sorted(step.fraction for step in steps)


def test_a_scale_too_small_for_thin_pictures_is_left_out(tiny_network: VGG19) -> None:
    thin = Pictures(photo(200, 40), [STYLE])
    assert {step.width for step in run(tiny_network, thin, size=128, pyramid="32:2")} == {128}


def test_a_scale_too_small_for_the_styles_scale_is_left_out(tiny_network: VGG19) -> None:
    steps = run(tiny_network, size=128, pyramid="32:2", style_scale=0.3)
    assert [step.scales for step in steps][-1] == 2  # 64 and 128: at 32 it had 10 pixels


def test_a_scale_too_small_for_a_region_is_left_out(tiny_network: VGG19) -> None:
    mask = Image.new("RGB", CONTENT.size, "red")
    mask.paste("blue", (0, 0, 24, 24))  # of conv5_1's positions 1.1 at 96, and a quarter at 48
    flat = [Image.new("RGB", style.size, name) for style, name in ((STYLE, "red"), (OTHER, "blue"))]
    masked = Pictures(CONTENT, [STYLE, OTHER], content_mask=mask, style_masks=flat)
    assert run(tiny_network, masked, size=96, pyramid="48:2")[-1].scales == 1
    layers = {"style_layers": ["conv2_1"]}
    assert run(tiny_network, masked, size=96, pyramid="48:2", **layers)[-1].scales == 2


@pytest.mark.parametrize("style_weight", [0, 1e3, 1e5])
def test_the_content_weighs_more_at_small_scales_and_as_asked_at_the_end(
    tiny_network: VGG19, style_weight: float
) -> None:
    sketch, *_ = steps = run(
        tiny_network, pyramid="32:2", content_weight=2, style_weight=style_weight
    )
    # The first picture is the content, and so the style term there is its distance.
    content = to_tensor(CONTENT, (sketch.width, sketch.height), CPU)
    P = tiny_network.features(content, ["conv4_2"])["conv4_2"]
    power = float(torch.einsum("bchw,bchw->", P, P) / P.numel())
    times = max(1, 1.6 * math.sqrt(style_weight / 2) * float(sketch.loss.style) / power)
    per_scale = steps[-1].steps // 2
    for step in steps:
        # In the first half of the last scale, the content comes back.
        last = 2 if step.step < per_scale + per_scale // 2 else 1
        loss, weight = step.loss, 2 * (last if step.scale == 1 else times)
        expected = weight * float(loss.content) + style_weight * float(loss.style)
        assert float(loss.total) == pytest.approx(expected, rel=1e-5)


def test_the_content_weighs_many_times_as_much_where_the_style_pulls_hard(
    tiny_network: VGG19,
) -> None:
    _, sketched, *_ = run(tiny_network, pyramid="32:2", steps=2, style_weight=1e7)
    assert (sketched.scale, sketched.step) == (0, 1)
    loss = sketched.loss
    assert float(loss.total) > 10 * float(loss.content) + 1e7 * float(loss.style)


@pytest.mark.parametrize("color", ["style", "content"])
def test_the_detail_of_the_content_survives_the_small_scales(
    tiny_network: VGG19, color: str
) -> None:
    # Nothing is painted without a weight, so the start of every scale is the content itself.
    steps = run(tiny_network, pyramid="32:2", style_weight=0, steps=1, color=color)
    assert steps[-1].scales == 2
    expected = resized(CONTENT, (64, 43)).astype(int)
    assert np.abs(np.asarray(steps[-1].picture()).astype(int) - expected).max() <= 1


def test_several_styles_blend_their_gram_matrices(tiny_network: VGG19) -> None:
    scale = scale_of(Pictures(CONTENT, [STYLE, OTHER]), params(style_blend="1,3"), tiny_network)
    first, second = (
        gram(tiny_network.features(to_tensor(style, size, CPU), ["conv3_1"])["conv3_1"])
        for style, size in ((STYLE, (64, 56)), (OTHER, (43, 64)))
    )
    found = scale.objective._targets.A["conv3_1", EVERYTHING]
    torch.testing.assert_close(found, 0.25 * first + 0.75 * second)


def test_the_style_scale_is_relative_to_the_result(tiny_network: VGG19) -> None:
    scale = scale_of(PICTURES, params(style_scale=1.5), tiny_network)
    assert scale.styles[0].shape == (1, 3, 84, 96)


def test_without_style_weight_the_content_is_already_best(tiny_network: VGG19) -> None:
    for optimizer in ("adam", "lbfgs"):
        last = run(tiny_network, style_weight=0, optimizer=optimizer)[-1]
        assert float(last.loss.total) == 0
        assert np.array_equal(np.asarray(last.picture()), resized(CONTENT, (64, 43)))


def test_the_contents_colours_stay_when_only_luminance_is_painted(tiny_network: VGG19) -> None:
    soft = Image.fromarray((np.asarray(CONTENT) * 0.3 + 90).astype(np.uint8))
    first, *_, last = run(tiny_network, Pictures(soft, [STYLE]), color="content", steps=20)
    assert np.array_equal(np.asarray(first.picture()), resized(soft, (64, 43)))
    change = last.pixels() - first.pixels()  # (H, W, 3)
    assert np.abs(change).max() > 0.05
    inside = (last.pixels() > 0).all(axis=2) & (last.pixels() < 1).all(axis=2)
    # The same change in every channel: I and Q of YIQ are as they were.
    np.testing.assert_allclose(change[inside], change[inside][:, :1].repeat(3, axis=1), atol=1e-5)


def test_the_loss_of_a_picture_that_keeps_its_colours_is_that_of_what_is_shown(
    tiny_network: VGG19,
) -> None:
    # Of colours this strong the luminance can hardly change within their range.
    vivid = Image.fromarray((np.asarray(CONTENT) > 127).astype(np.uint8) * 255)
    last = run(tiny_network, Pictures(vivid, [STYLE]), color="content", steps=20)[-1]

    def grey(pixels: np.ndarray) -> torch.Tensor:
        luma = pixels.astype(np.float64) @ [0.299, 0.587, 0.114]
        return torch.from_numpy(luma).float().expand(1, 3, *luma.shape)

    shown, content = grey(last.pixels()), grey(resized(vivid, (64, 43)) / 255)
    style = resized(STYLE, (64, 56)) / 255 @ [0.299, 0.587, 0.114]
    matched = (style - style.mean()) / style.std() * float(content.std(correction=0))
    target = torch.from_numpy(matched + float(content.mean())).float().expand(1, 3, 56, 64)
    F, P = (tiny_network.features(each, ["conv4_2"])["conv4_2"] for each in (shown, content))
    assert float(last.loss.content) == pytest.approx(float(((F - P) ** 2).mean()), rel=1e-3)
    layers = params().style_layers
    G, A = (tiny_network.features(each, layers) for each in (shown, target))
    expected = np.mean([float(((gram(G[n]) - gram(A[n])) ** 2).mean()) for n in layers])
    assert float(last.loss.style) == pytest.approx(expected, rel=1e-3)


def test_the_style_is_recoloured_to_the_contents_colours_and_the_content_never(
    tiny_network: VGG19,
) -> None:
    soft = Image.fromarray((np.asarray(CONTENT) * 0.3 + [20, 90, 120]).astype(np.uint8))
    scale = scale_of(Pictures(soft, [STYLE]), params(color="match"), tiny_network)
    content, style = (
        each[0].flatten(1).double().numpy() for each in (scale.content, *scale.styles)
    )
    np.testing.assert_allclose(style.mean(1), content.mean(1), atol=0.01)
    np.testing.assert_allclose(np.cov(style), np.cov(content), atol=2e-4)
    assert np.array_equal(np.asarray(to_picture(scale.content)), resized(soft, (64, 43)))
    first, *_ = run(tiny_network, Pictures(soft, [STYLE]), color="match")
    assert np.array_equal(np.asarray(first.picture()), resized(soft, (64, 43)))


def test_total_variation_smooths(tiny_network: VGG19) -> None:
    rough, smooth = (run(tiny_network, tv_weight=weight, steps=20)[-1] for weight in (0, 1e5))
    assert float(smooth.loss.tv) < float(rough.loss.tv) / 2


def test_average_pooling_is_another_picture(tiny_network: VGG19) -> None:
    largest, average = (run(tiny_network, pooling=p)[-1].image for p in ("max", "average"))
    assert not torch.allclose(largest, average, atol=1e-3)


def test_masks_paint_each_region_in_its_own_style(tiny_network: VGG19) -> None:
    mask = Image.new("RGB", CONTENT.size, "red")
    mask.paste("blue", (48, 0, 96, 64))
    flat = [Image.new("RGB", style.size, name) for style, name in ((STYLE, "red"), (OTHER, "blue"))]
    masked = Pictures(CONTENT, [STYLE, OTHER], content_mask=mask, style_masks=flat)
    losses = [float(step.loss.style) for step in run(tiny_network, masked, steps=30)]
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize("width", [7, 30, 100, 300])
def test_the_api_and_the_optimiser_refuse_the_same_masks(tiny_network: VGG19, width: int) -> None:
    mask = Image.new("RGB", (800, 600), "blue")
    mask.paste("red", (4, 0, 4 + width, 60))
    pictures = Pictures(photo(800, 600), [STYLE], None, mask, [two_halves(*STYLE.size)])
    wanted = params(style_layers=["conv4_1"])
    areas = dict(regions_of(mask))
    try:
        check_areas("content_mask", areas, (64, 48), wanted.style_layers)
    except InvalidRequest as refused:
        with pytest.raises(InvalidRequest, match=re.escape(str(refused))):
            next(stylize(pictures, wanted, tiny_network))
    else:
        assert width >= 100
        assert torch.isfinite(list(stylize(pictures, wanted, tiny_network))[-1].loss.total)


def test_labels_must_match_and_the_odd_one_is_named(tiny_network: VGG19) -> None:
    red, halves = Image.new("RGB", CONTENT.size, "red"), two_halves(*STYLE.size)
    with pytest.raises(InvalidRequest, match=r"content_mask: lacks colours .*: #0000ff"):
        run(tiny_network, Pictures(CONTENT, [STYLE], None, red, [halves]))
    with pytest.raises(InvalidRequest, match=r"content_mask: has colours .*: #0000ff"):
        run(tiny_network, Pictures(CONTENT, [STYLE], None, halves, [red]))


def test_masks_must_be_there_for_each_style_and_for_the_content() -> None:
    mask = two_halves(*CONTENT.size)
    with pytest.raises(InvalidRequest, match="style_mask: expected one file for each style"):
        Pictures(CONTENT, [STYLE, OTHER], content_mask=mask, style_masks=[mask])
    with pytest.raises(InvalidRequest, match="content_mask: is missing"):
        Pictures(CONTENT, [STYLE], style_masks=[mask])


def test_a_picture_to_start_from_must_be_there_exactly_if_it_is_asked_for(
    tiny_network: VGG19,
) -> None:
    with pytest.raises(InvalidRequest, match="init_image: init is image, but no picture was sent"):
        run(tiny_network, init="image")
    with pytest.raises(InvalidRequest, match="init_image: init is content, but a picture was sent"):
        run(tiny_network, Pictures(CONTENT, [STYLE], init_image=OTHER))


def test_a_loss_that_is_not_finite_is_an_error_with_a_remedy() -> None:
    broken = random_weights(seed=0)
    broken["conv1_1.bias"] = torch.full((4,), float("inf"))
    for optimizer in ("adam", "lbfgs"):
        with pytest.raises(LossNotFinite, match="lower learning_rate"):
            run(VGG19(broken), optimizer=optimizer)


def test_a_style_too_thin_is_refused_by_name(tiny_network: VGG19) -> None:
    with pytest.raises(InvalidRequest, match="style: would be 64x3"):
        run(tiny_network, Pictures(CONTENT, [photo(400, 20)]))


@settings(max_examples=15, deadline=None)
@given(st.integers(16, 300), st.integers(16, 300), st.sampled_from([64, 67, 97, 128]))
def test_any_size_and_shape_gives_exactly_the_size_asked_for(
    width: int, height: int, size: int
) -> None:
    network = VGG19(random_weights(seed=0))
    pictures = Pictures(photo(width, height), [STYLE])
    try:
        last = run(network, pictures, size=size, steps=2, pyramid="32:2")[-1]
    except InvalidRequest:
        assert round(min(width, height) * size / max(width, height)) < 16
        return
    shape = last.pixels().shape
    assert max(shape[:2]) == size
    assert (
        abs(shape[1] / shape[0] - width / height) <= (0.5 / min(shape[:2])) * (width / height) * 2
    )


def test_a_picture_survives_the_way_to_a_tensor_and_back() -> None:
    assert np.array_equal(
        np.asarray(to_picture(to_tensor(CONTENT, CONTENT.size, CPU))), np.asarray(CONTENT)
    )


def test_precision_is_as_asked_or_what_the_processor_is_fast_at() -> None:
    assert pick_format(Precision.FLOAT32, CPU) is FLOAT32
    assert pick_format(Precision.BFLOAT16, CPU) is BFLOAT16
    flags = Path("/proc/cpuinfo").read_text().split()
    expected = FLOAT32
    if "avx512_bf16" in flags or "amx_bf16" in flags:
        expected = INT8 if "avx512_vnni" in flags else BFLOAT16
    assert pick_format(Precision.AUTO, CPU) is expected


VNNI, BF16 = {"onednn", "avx2", "avx512_vnni"}, {"onednn", "avx2", "avx512_bf16"}


@pytest.mark.parametrize(
    ("asked", "has", "expected"),
    [
        ("auto", {"onednn", "avx2"}, "float32"),
        ("auto", VNNI, "float32"),
        ("auto", BF16, "bfloat16"),
        ("auto", BF16 | VNNI, "int8"),
        ("auto", {"amx_bf16", "avx512_vnni"}, "bfloat16"),
        ("int8", VNNI, "int8"),
        ("int8", BF16, "bfloat16"),
        ("int8", {"onednn", "avx2"}, "float32"),
        ("int8", {"avx512_vnni"}, "float32"),
        ("bfloat16", {"avx2"}, "bfloat16"),
        ("float32", BF16 | VNNI, "float32"),
    ],
)
def test_8_bits_are_taken_only_where_the_processor_adds_them_up_exactly(
    asked: str, has: set[str], expected: str
) -> None:
    assert on_cpu(Precision(asked), has) is Precision(expected)


def test_there_are_convolutions_in_8_bits_on_the_cpu_alone() -> None:
    assert pick_format(Precision.INT8, torch.device("cuda")) is BFLOAT16


def test_on_cuda_float32_is_float32_and_sums_are_the_same_each_time() -> None:
    make_deterministic(torch.device("cuda"))
    assert torch.backends.cudnn.conv.fp32_precision == "ieee"  # type: ignore[attr-defined]
    assert torch.backends.cudnn.deterministic
    assert not torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction


def test_an_unknown_device_is_refused() -> None:
    assert pick_device("cpu") == CPU
    with pytest.raises(ValueError, match="expected auto, cpu"):
        pick_device("abacus")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_cuda_where_there_is_none_is_refused_with_the_remedy() -> None:
    assert pick_device("auto") == CPU
    with pytest.raises(ValueError, match="finds no CUDA"):
        pick_device("cuda")
