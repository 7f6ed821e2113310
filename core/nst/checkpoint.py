"""A run's whole state between two steps, as bytes and back."""

from __future__ import annotations

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from core.errors import CheckpointMismatch


def pack(state: dict[str, Tensor]) -> bytes:
    """The tensors as one safetensors file."""
    return save({name: tensor.detach().cpu().contiguous() for name, tensor in state.items()})


def unpack(data: bytes) -> dict[str, Tensor]:
    """The tensors of :func:`pack`.

    Raises:
        CheckpointMismatch: the bytes are no such file.
    """
    try:
        return load(data)
    except SafetensorError as error:
        raise CheckpointMismatch(f"the checkpoint cannot be read: {error}") from error
