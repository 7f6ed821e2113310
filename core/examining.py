"""What the api must know of a picture file, which it takes a whole decoding to know."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import BaseModel, ConfigDict

from core.images import Label, decode, decode_mask, labels_of


class Seen(BaseModel):
    """A picture file that can be read, and what was seen in it."""

    model_config = ConfigDict(frozen=True)

    #: In pixels, upright.
    width: int
    height: int
    #: The colours of a mask; None of another picture.
    labels: frozenset[Label] | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.width, self.height


#: Looks into a file, given its bytes and whether it is a mask. Raises InvalidPicture.
Examine = Callable[[bytes, bool], Seen]


def examine(data: bytes, mask: bool, *, max_pixels: int) -> Seen:
    """Decode a file to its last pixel, in this process.

    Raises:
        InvalidPicture: as ``core.images.decode`` and ``decode_mask``.
    """
    if mask:
        labels = decode_mask(data, max_pixels=max_pixels)
        return Seen(width=labels.width, height=labels.height, labels=labels_of(labels))
    picture = decode(data, max_pixels=max_pixels).picture
    return Seen(width=picture.width, height=picture.height)
