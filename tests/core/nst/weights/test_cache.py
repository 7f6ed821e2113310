"""The weights cache: saved, verified on every load, and helpful when weights are missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from core.errors import WeightsCorrupt, WeightsUnavailable
from core.nst import VGG19, load_network
from core.nst.weights.fetch import TORCHVISION_MEAN
from core.nst.weights.files import save_weights
from core.params import Network
from tests.core.nst.examples import CPU

#: Its digest is not known in advance, so small weights can take its place.
STAND_IN = Network.TORCHVISION


@pytest.fixture
def saved(tmp_path: Path, tiny_weights: dict[str, Tensor]) -> Path:
    """The file of small weights in a cache."""
    path = tmp_path / STAND_IN.filename
    save_weights(tiny_weights, path)
    return path


def test_saved_weights_are_loaded_unchanged(saved: Path, tiny_weights: dict[str, Tensor]) -> None:
    image = torch.rand(1, 3, 32, 32)
    expected = VGG19(tiny_weights, TORCHVISION_MEAN).features(image, ["conv5_1"])
    features = load_network(STAND_IN, saved.parent, CPU).features(image, ["conv5_1"])
    assert torch.equal(features["conv5_1"], expected["conv5_1"])


def test_a_flipped_bit_is_an_error_with_a_remedy(saved: Path) -> None:
    data = bytearray(saved.read_bytes())
    data[-5] ^= 1
    saved.write_bytes(data)
    with pytest.raises(WeightsCorrupt, match="run `easel weights fetch`"):
        load_network(STAND_IN, saved.parent, CPU)


def test_a_truncated_file_is_an_error(saved: Path) -> None:
    saved.write_bytes(saved.read_bytes()[:-100])
    with pytest.raises(WeightsCorrupt, match="damaged"):
        load_network(STAND_IN, saved.parent, CPU)


def test_other_weights_are_not_accepted_as_the_papers_network(saved: Path) -> None:
    saved.rename(saved.with_name(Network.NORMALIZED.filename))
    with pytest.raises(WeightsCorrupt, match="digest is not"):
        load_network(Network.NORMALIZED, saved.parent, CPU)


def test_a_failed_save_leaves_the_old_file_and_no_other(saved: Path) -> None:
    data = saved.read_bytes()
    with pytest.raises(KeyError):
        save_weights({"unknown": torch.zeros(1)}, saved)
    assert list(saved.parent.iterdir()) == [saved]
    assert saved.read_bytes() == data


def test_an_empty_cache_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(WeightsUnavailable, match="run `easel weights fetch --network"):
        load_network(Network.NORMALIZED, tmp_path, CPU)


def test_importing_the_optimiser_fetches_and_opens_no_weights(tmp_path: Path) -> None:
    completed = subprocess.run(
        [sys.executable, "-c", "import core.nst"],
        env={"HOME": str(tmp_path), "PIP_NO_INDEX": "1", "TORCH_HOME": str(tmp_path)},
        check=False,
    )
    assert completed.returncode == 0
    assert not (tmp_path / "hub").exists()
    assert not (tmp_path / ".cache" / "easel").exists()
