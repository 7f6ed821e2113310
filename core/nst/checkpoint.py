"""A run's whole state between two steps, as bytes and back."""

from __future__ import annotations

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, device

from core.errors import CheckpointMismatch


def pack(state: dict[str, Tensor]) -> bytes:
    """The tensors as one safetensors file."""
    return save({name: tensor.detach().cpu().contiguous() for name, tensor in state.items()})


def unpack(data: bytes, device: device) -> dict[str, Tensor]:
    """The tensors of :func:`pack`, on a device.

    Raises:
        CheckpointMismatch: the bytes are no such file.
    """
    try:
        return {name: tensor.to(device) for name, tensor in load(data).items()}
    except SafetensorError as error:
        raise CheckpointMismatch(f"the checkpoint cannot be read: {error}") from error
