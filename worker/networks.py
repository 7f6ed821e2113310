"""The networks that this process has loaded: each once, and kept."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import torch
from PIL import Image

from core.nst import VGG19, fetch_weights, load_network
from core.nst.network.devices import pick_dtype
from core.params import Network
from core.params.choices import Precision
from core.pictures import decode as images


class Networks:
    """Loads a network when it is first asked for, fetching its weights if need be.

    Args:
        directory: the cache of weights.
        device: where the networks go.
    """

    def __init__(self, directory: Path, device: torch.device) -> None:
        self._directory = directory
        self.device = device
        self._loaded: dict[Network, VGG19] = {}

    @property
    def precision(self) -> Precision:
        """What the features of a job that leaves it open are in, and so most of its memory."""
        float32 = pick_dtype(Precision.AUTO, self.device) is torch.float32
        return Precision.FLOAT32 if float32 else Precision.BFLOAT16

    def get(self, network: Network) -> VGG19:
        """The network, ready to use.

        Raises:
            WeightsUnavailable: its weights are neither cached nor to be fetched.
        """
        if network not in self._loaded:
            fetch_weights(network, self._directory, calibration_pictures)
            self._loaded[network] = load_network(network, self._directory, self.device)
        return self._loaded[network]

    def names(self) -> tuple[str, ...]:
        """The networks loaded so far."""
        return tuple(network.value for network in self._loaded)


def calibration_pictures() -> list[Image.Image]:
    """The photographs that an unscaled network is normalised with."""
    photos = sorted(files("samples").joinpath("photos").iterdir(), key=lambda file: file.name)
    return [
        images.decode(photo.read_bytes(), max_pixels=10_000_000).picture
        for photo in photos
        if photo.name.endswith(".jpg")
    ]
