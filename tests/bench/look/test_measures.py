"""The measures of bench.look, each against a value computed another way."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.special import log_softmax, rel_entr
from skimage.util import view_as_windows
from torch import Tensor

from bench.look.measures import (
    content_fidelity,
    covariance_similarity,
    edge_similarity,
    gram_similarity,
    histogram_intersection,
    histogram_similarity,
    local_patterns,
    measure,
    patch_closeness,
    structural_distance,
)
from core.nst import VGG19
from core.params import Layer
from tests.conftest import photo

LAYERS: tuple[Layer, ...] = ("conv2_1", "conv3_1", "conv4_1", "conv5_1")
FIVE: tuple[Layer, ...] = ("conv1_1", *LAYERS)


def features(seed: int, height: int = 6, width: int = 7, channels: int = 4) -> dict[Layer, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {layer: torch.rand(1, channels, height, width, generator=generator) for layer in FIVE}


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float((a * b).sum() / np.sqrt((a**2).sum() * (b**2).sum()))


def test_content_fidelity_is_the_mean_cosine_of_two_layers() -> None:
    R, C = features(1), features(2)
    expected = np.mean([cosine(R[n].numpy(), C[n].numpy()) for n in LAYERS[2:]])
    assert content_fidelity(R, C) == pytest.approx(expected, rel=1e-5)


def test_gram_similarity_is_the_mean_cosine_of_sums_of_outer_products() -> None:
    R, S = features(1), features(2, height=5, width=9)

    def gram(F: Tensor) -> np.ndarray:
        return sum(np.outer(f, f) for f in F[0].flatten(1).T.numpy())  # type: ignore[return-value]

    expected = np.mean([cosine(gram(R[n]), gram(S[n])) for n in LAYERS])
    assert gram_similarity(R, S) == pytest.approx(expected, rel=1e-5)


def test_histogram_similarity_is_the_mean_cosine_over_128_bins() -> None:
    first, second = (torch.rand(1, 3, 40, 30) ** power for power in (1, 2))

    def histogram(image: Tensor, channel: int) -> np.ndarray:
        counts, _ = np.histogram(image[0, channel].numpy(), bins=128, range=(0, 1))
        return counts.astype(float)

    expected = np.mean([cosine(histogram(first, c), histogram(second, c)) for c in range(3)])
    assert histogram_similarity(first, second) == pytest.approx(expected, rel=1e-5)


def test_covariance_similarity_is_the_mean_cosine_of_numpy_s_covariances_at_five_layers() -> None:
    R, S = features(1), features(2, height=5, width=9)
    expected = np.mean(
        [cosine(*(np.cov(F[n][0].flatten(1).numpy()) for F in (R, S))) for n in FIVE]
    )
    assert covariance_similarity(R, S) == pytest.approx(expected, rel=1e-5)


def test_histogram_intersection_counts_the_pixels_that_find_a_partner_in_their_bin() -> None:
    first, second = (torch.rand(1, 3, 40, 30) ** power for power in (1, 2))
    shared = 0
    for channel in range(3):
        bins = [bins_of(image[0, channel].numpy()) for image in (first, second)]
        shared += sum(min(list(bins[0]).count(n), list(bins[1]).count(n)) for n in range(16))
    assert histogram_intersection(first, second) == pytest.approx(shared / (3 * 40 * 30), rel=1e-5)


def bins_of(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.minimum(np.floor(values.ravel() * 16), 15))


def test_histogram_intersection_does_not_depend_on_the_sizes_of_the_pictures() -> None:
    small = torch.rand(1, 3, 10, 12)
    large = small.repeat_interleave(3, dim=2)
    assert histogram_intersection(small, large) == pytest.approx(1)
    assert histogram_intersection(small * 0, large * 0 + 1) == 0


def patches(F: Tensor) -> list[np.ndarray]:
    windows = view_as_windows(F[0].numpy(), (F.shape[1], 3, 3))[0]
    return list(windows.reshape(-1, *windows.shape[2:]))


def test_patch_closeness_is_the_mean_of_the_best_cosines_found_one_by_one() -> None:
    R, S = features(1), features(2, height=5, width=9)
    expected = [
        np.mean([max(cosine(p, s) for s in patches(S[layer])) for p in patches(R[layer])])
        for layer in LAYERS[1:3]
    ]
    assert patch_closeness(R, S) == pytest.approx(np.mean(expected), rel=1e-5)


def test_local_patterns_are_the_best_matches_found_one_by_one() -> None:
    R, S = features(1), features(2, height=5, width=9)
    parts = []
    for layer in LAYERS[1:3]:
        style = patches(S[layer])
        scores = np.array([[cosine(p, s) for s in style] for p in patches(R[layer])])
        parts += [scores.max(1).mean(), len(set(scores.argmax(1))) / len(style)]
    assert local_patterns(R, S) == pytest.approx(np.mean(parts), rel=1e-5)


def test_a_style_of_equal_patches_has_one_distinct_patch() -> None:
    flat = {layer: torch.ones(1, 4, 6, 6) for layer in LAYERS}
    assert local_patterns(flat, flat) == pytest.approx(1, rel=1e-5)


def test_structural_distance_is_the_divergence_of_self_similarities() -> None:
    R, C = features(1)["conv3_1"] * 9, features(2)["conv3_1"] * 9

    def similarity(F: Tensor) -> np.ndarray:
        x = F[0].flatten(1).numpy().astype(float) / 4
        return np.asarray(log_softmax(x.T @ x, axis=1))

    p, q = similarity(R), similarity(C)
    expected = rel_entr(np.exp(q), np.exp(p)).sum()
    assert structural_distance(R, C) == pytest.approx(expected, rel=1e-3)


def test_edges_are_the_same_in_a_picture_of_other_brightness() -> None:
    image = np.asarray(photo(60, 40).convert("L")) / 510
    assert edge_similarity(image + 0.3, image) == pytest.approx(1)
    assert edge_similarity(image[::-1], image) < 0.9


def test_a_picture_is_like_itself_in_every_way(tiny_network: VGG19) -> None:
    picture = photo(96, 64)
    found = measure(picture, picture, picture, tiny_network, 96)
    assert found.cf == pytest.approx(1)
    assert found.ge == pytest.approx(1)
    assert found.edges == pytest.approx(1)
    assert found.cfsd == pytest.approx(0, abs=1e-4)
    assert (found.cf_max, found.ge_centred, found.lp_cosine) == pytest.approx((1, 1, 1))


def test_a_result_whose_size_was_rounded_is_compared_at_its_own_size(tiny_network: VGG19) -> None:
    content = photo(300, 199)
    result = content.resize((100, 66))  # 90 x 59 when reduced; the content alone is 90 x 60
    found = measure(result, content, content, tiny_network, 90)
    assert found.cf > 0.9


def test_noise_keeps_less_of_the_content_and_the_style_than_a_blurred_copy(
    tiny_network: VGG19,
) -> None:
    picture = photo(96, 64)
    noise = Image.effect_noise(picture.size, 80).convert("RGB")
    soft = picture.resize((48, 32)).resize(picture.size)
    worse, better = (measure(each, picture, picture, tiny_network, 96) for each in (noise, soft))
    assert worse.cf < better.cf
    assert worse.ge < better.ge
    assert worse.cf_max < better.cf_max
    assert worse.ge_centred < better.ge_centred
    assert worse.edges < better.edges
