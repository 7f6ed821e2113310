"""Normalising the mean activation of every filter to 1."""

from __future__ import annotations

import torch
from torch import Tensor

from core.nst import VGG19, fetch_weights, load_network
from core.nst.weights.normalization import mean_activations, normalize_activations
from core.params import LAYERS, Network
from core.settings.model import Settings
from tests.conftest import photo
from tests.core.nst.examples import CPU


def test_normalising_divides_each_filter_by_its_mean_activation(
    tiny_weights: dict[str, Tensor],
) -> None:
    mean = (0.4, 0.5, 0.6)
    image = torch.rand(1, 3, 64, 64)
    original = VGG19(tiny_weights, mean)
    normalised = VGG19(normalize_activations(tiny_weights, mean, [photo(64, 64)]), mean)
    before, after = (network.features(image, LAYERS) for network in (original, normalised))
    activations = mean_activations(original, [photo(64, 64)])
    for layer in LAYERS:
        activation = activations[layer].view(1, -1, 1, 1)
        factor = activation.where(activation > 0, torch.tensor(1.0))
        torch.testing.assert_close(after[layer] * factor, before[layer], rtol=1e-3, atol=1e-4)


def test_the_papers_network_has_mean_activations_near_1() -> None:
    # Its weights were normalised over many pictures; one picture is only near that.
    fetch_weights(Network.NORMALIZED, Settings().weights_dir, list)
    network = load_network(Network.NORMALIZED, Settings().weights_dir, CPU)
    means = mean_activations(network, [photo(256, 192)])
    assert all(0.3 < float(mean.mean()) < 3 for mean in means.values()), means
