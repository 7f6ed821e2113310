"""The network that a process has loaded."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import torch
from PIL import Image

from core.nst import VGG19, fetch_weights, load_network
from core.nst.network.precision import pick_format
from core.params import Network
from core.params.choices import Precision
from core.pictures.decode import decode
from core.runtime.modules import full_name


class Networks:
    """Loads a network when it is requested, fetching its weights if necessary.

    Only the last one is kept: with its variants and its cache, a network takes up to 400 MiB,
    which would come on top of the estimate of a job's memory.

    Args:
        directory: the cache of weights.
        device: the device that the networks run on.
    """

    def __init__(self, directory: Path, device: torch.device) -> None:
        self._directory = directory
        self.device = device
        self._loaded: dict[Network, VGG19] = {}

    @property
    def precision(self) -> Precision:
        """The precision of the features with ``precision=auto``; it decides a job's memory."""
        float32 = pick_format(Precision.AUTO, self.device).dtype is torch.float32
        return Precision.FLOAT32 if float32 else Precision.BFLOAT16

    def get(self, network: Network) -> VGG19:
        """Return the network, ready to use.

        Raises:
            WeightsUnavailable: the weights are not cached and cannot be fetched.
        """
        if network not in self._loaded:
            fetch_weights(network, self._directory, calibration_pictures)
            self._loaded.clear()
            self._loaded[network] = load_network(network, self._directory, self.device)
        return self._loaded[network]

    def names(self) -> tuple[str, ...]:
        """Return the name of the loaded network, if there is one."""
        return tuple(network.value for network in self._loaded)


def calibration_pictures() -> list[Image.Image]:
    """Return the photographs by which the weights of a network are normalised."""
    photos = sorted(
        files(full_name("samples")).joinpath("photos").iterdir(), key=lambda file: file.name
    )
    return [
        decode(photo.read_bytes(), max_pixels=10_000_000).picture
        for photo in photos
        if photo.name.endswith(".jpg")
    ]
