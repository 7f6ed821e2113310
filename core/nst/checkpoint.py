"""A run's whole state between two steps, as bytes and back."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import torch
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from core.errors import CheckpointMismatch
from core.params import StyleParams
from core.pictures.bundle import Pictures

#: The entry that says whose state it is.
_REQUEST = "request"


@dataclass(frozen=True)
class Request:
    """What a run's state belongs to: nothing but the same pictures and parameters."""

    pictures: Pictures
    params: StyleParams

    def pack(self, state: dict[str, Tensor]) -> bytes:
        """The tensors as one safetensors file."""
        named = {**state, _REQUEST: self._digest}
        return save({name: tensor.detach().cpu().contiguous() for name, tensor in named.items()})

    def unpack(self, data: bytes, device: torch.device) -> dict[str, Tensor]:
        """The tensors of :meth:`pack`, on a device.

        Raises:
            CheckpointMismatch: the bytes are no such file, or of another request.
        """
        try:
            state = load(data)
        except SafetensorError as error:
            raise CheckpointMismatch(f"the checkpoint cannot be read: {error}") from error
        whose = state.pop(_REQUEST, None)
        if whose is None or not torch.equal(whose, self._digest):
            raise CheckpointMismatch(
                "the checkpoint is of other pictures or parameters; start anew without it"
            )
        return {name: tensor.to(device) for name, tensor in state.items()}

    @cached_property
    def _digest(self) -> Tensor:
        """Of everything that the picture depends on: shape (32,). Made when first needed."""
        digest = hashlib.sha256(self.params.model_dump_json().encode())
        pictures = self.pictures
        for picture in (
            *(pictures.content, *pictures.styles),
            *(pictures.init_image, pictures.content_mask, *pictures.style_masks),
        ):
            _add(digest, picture)
        return torch.tensor(list(digest.digest()), dtype=torch.uint8)


def _add(digest: hashlib._Hash, picture: Image.Image | None) -> None:
    if picture is None:
        digest.update(b"none")
    else:
        digest.update(f"{picture.mode} {picture.size}".encode())
        digest.update(picture.tobytes())
