"""Checkpoints: the state of a run between two steps, as bytes and back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from core.errors import CheckpointMismatch
from core.params import StyleParams
from core.params.edits import Edit
from core.pictures.bundle import Pictures

#: The entry with the digest of the request.
_REQUEST = "request"

#: The entry with the steps made in all phases.
_MADE = "made"

#: Part of the digest. Change it whenever the entries or their meaning change: workers of another
#: version then refuse the checkpoint, and start the job over.
_FORMAT = b"6"

#: The names of number formats in a safetensors file.
_DTYPES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.uint8: "U8",
}


@dataclass(frozen=True)
class Request:
    """What a state belongs to: the same pictures, parameters and edits, and no others.

    Attributes:
        pictures: the pictures of the run.
        params: its parameters at the start.
    """

    pictures: Pictures
    params: StyleParams

    def pack(
        self, state: dict[str, Tensor], edits: Sequence[Edit] = (), label: str = ""
    ) -> list[bytes | memoryview]:
        """Return a state as a safetensors file, in pieces that are not copied.

        Args:
            state: the state. Its entry ``made`` has the number of steps.
            edits: the edits of the run.
            label: stands in the metadata.

        Returns:
            The bytes of the file in order. On the CPU, they are those of the tensors.
        """
        entries = {**state, _REQUEST: self._digest(state, edits)}
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in entries.items()}
        return _safetensors(tensors, {"label": label})

    def unpack(
        self, data: bytes, device: torch.device, edits: Sequence[Edit] = ()
    ) -> dict[str, Tensor]:
        """Return the state that :meth:`pack` was given, on a device.

        Args:
            data: the file, with its pieces joined.
            device: the device.
            edits: the edits of the run. Only those before the state count.

        Raises:
            CheckpointMismatch: the data is not a checkpoint, or one of another request or of
                another version of Easel.
        """
        try:
            state = load(data)
        except SafetensorError as error:
            raise CheckpointMismatch(f"the checkpoint cannot be read: {error}") from error
        digest = state.pop(_REQUEST, None)
        if (
            digest is None
            or _MADE not in state
            or not torch.equal(digest, self._digest(state, edits))
        ):
            raise CheckpointMismatch(
                "the checkpoint belongs to other pictures or parameters, or to another version of "
                "Easel; start without it"
            )
        # Numbers in float64 stay on the CPU, because the GPU of a Mac has no float64.
        return {
            name: tensor if tensor.dtype is torch.float64 else tensor.to(device)
            for name, tensor in state.items()
        }

    def _digest(self, state: dict[str, Tensor], edits: Sequence[Edit]) -> Tensor:
        """SHA-256 of everything that the state depends on, shape (32,)."""
        digest = self._inputs.copy()
        made = int(state[_MADE])
        for edit in edits:
            if edit.step is not None and 0 < edit.step < made:
                digest.update(edit.model_dump_json().encode())
        return torch.tensor(list(digest.digest()), dtype=torch.uint8)

    @cached_property
    def _inputs(self) -> hashlib._Hash:
        """SHA-256 of the pictures and the parameters. Computed on first use."""
        digest = hashlib.sha256(_FORMAT + self.params.model_dump_json().encode())
        pictures = self.pictures
        for picture in (
            *(pictures.content, *pictures.styles),
            *(pictures.init_image, pictures.content_mask, *pictures.style_masks),
            pictures.detail_map,
        ):
            _update(digest, picture)
        return digest


def _safetensors(tensors: dict[str, Tensor], metadata: dict[str, str]) -> list[bytes | memoryview]:
    """Return a file in the format of safetensors, whose own ``save`` copies all tensors.

    The format (https://huggingface.co/docs/safetensors): the length of the header in eight bytes,
    the header in JSON, the bytes of the tensors.
    """
    header: dict[str, object] = {"__metadata__": metadata}
    pieces: list[bytes | memoryview] = []
    end = 0
    # Larger items come first, so that every tensor is aligned.
    for name, tensor in sorted(tensors.items(), key=lambda item: (-item[1].itemsize, item[0])):
        piece = tensor.reshape(-1).view(torch.uint8).numpy().data
        start, end = end, end + len(piece)
        entry = {"dtype": _DTYPES[tensor.dtype], "shape": list(tensor.shape)}
        header[name] = {**entry, "data_offsets": [start, end]}
        pieces.append(piece)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return [len(text).to_bytes(8, "little"), text, *pieces]


def _update(digest: hashlib._Hash, picture: Image.Image | None) -> None:
    if picture is None:
        digest.update(b"none")
    else:
        digest.update(f"{picture.mode} {picture.size}".encode())
        digest.update(picture.tobytes())
