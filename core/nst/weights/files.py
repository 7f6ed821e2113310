"""The weights cache: safetensors files, fetched once and verified on every load.

Nothing is downloaded on import. Only tensors are unpickled (``weights_only=True``), from files
whose hash was verified.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from PIL import Image
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from core.errors import WeightsCorrupt, WeightsUnavailable
from core.nst.network.devices import keep_few_plans, make_deterministic
from core.nst.network.vgg19 import IMAGENET_MEAN, VGG19
from core.nst.weights import fetch as fetching
from core.nst.weights.fetch import ProgressCallback
from core.params import LAYERS, Network

_MEANS = {
    Network.NORMALIZED: IMAGENET_MEAN,
    Network.TORCHVISION: fetching.TORCHVISION_MEAN,
}

#: The digest of the converted tensors of `vgg19-normalized`. The other network is normalised where
#: it is first loaded, so its digest is known only from then on.
_KNOWN_DIGESTS = {
    Network.NORMALIZED: "5675d3a0c087d09864192e0aca234c8b15fc8e0d1243176f1df1d33f7e59d5c7",
}

#: Returns the pictures with which a network is normalised.
Calibration = Callable[[], list[Image.Image]]


def fetch_weights(
    network: Network,
    directory: Path,
    calibration: Calibration,
    progress: ProgressCallback | None = None,
) -> Path:
    """Fetch a network's weights into the cache if they are not there, and return their file.

    Args:
        network: the network.
        directory: the cache.
        calibration: called if the network must be normalised.
        progress: called with the bytes fetched so far.

    Raises:
        WeightsUnavailable: the weights are not in the cache, and could not be fetched or written.
    """
    path = directory / network.filename
    if path.exists():
        return path
    with _writing_to(directory):  # before anything is downloaded
        directory.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=directory).close()
    try:
        if network is Network.NORMALIZED:
            weights = fetching.fetch_normalized(progress)
        else:
            weights = fetching.fetch_torchvision(calibration(), progress=progress is not None)
    except WeightsUnavailable as error:
        raise WeightsUnavailable(
            f"the weights of {network.value} are not in {directory} and could not be fetched: "
            f"{error}. Connect to the package index and run `easel weights fetch --network "
            f"{network.value}`, or copy {path.name} there from a machine that has it."
        ) from error
    with _writing_to(directory):
        save_weights(weights, path)
    return path


@contextmanager
def _writing_to(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise WeightsUnavailable(
            f"the weights cannot be written to {directory}: {error.strerror}; choose another "
            "directory with EASEL_WEIGHTS_DIR"
        ) from error


def save_weights(weights: Mapping[str, Tensor], path: Path) -> None:
    """Write weights with their digest, atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.contiguous() for name, tensor in weights.items()}
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".incoming-")
    os.close(descriptor)
    try:
        save_file(tensors, temporary, metadata={"digest": digest(tensors)})
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def load_network(network: Network, directory: Path, device: torch.device) -> VGG19:
    """Load a network from the cache onto a device.

    Raises:
        WeightsUnavailable: it is not in the cache; call :func:`fetch_weights`.
        WeightsCorrupt: the file in the cache does not have the digest that it was stored with.
    """
    path = directory / network.filename
    if not path.exists():
        raise WeightsUnavailable(
            f"{path} does not exist; run `easel weights fetch --network {network.value}`"
        )
    try:
        weights, expected = _read(path)
    except SafetensorError as error:
        raise WeightsCorrupt(_corrupt(path, str(error))) from error
    expected = _KNOWN_DIGESTS.get(network, expected)
    if digest(weights) != expected:
        raise WeightsCorrupt(_corrupt(path, f"its digest is not {expected}"))
    make_deterministic(device)
    keep_few_plans(device)
    return VGG19(weights, _MEANS[network], device, digest=expected)


def digest(weights: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of the names, shapes, number formats and values of all layers' tensors."""
    total = hashlib.sha256()
    for layer in LAYERS:
        for name in (f"{layer}.weight", f"{layer}.bias"):
            tensor = weights[name]
            total.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
            total.update(tensor.numpy().data)
    return total.hexdigest()


def _read(path: Path) -> tuple[dict[str, Tensor], str]:
    with safe_open(path, framework="pt") as file:
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return weights, (file.metadata() or {}).get("digest", "")


def _corrupt(path: Path, why: str) -> str:
    return f"{path} is damaged: {why}. Delete it and run `easel weights fetch`."
