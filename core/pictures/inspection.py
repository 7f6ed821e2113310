"""What the api must know of a picture file, which it takes a whole decoding to know."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import BaseModel, ConfigDict

from core.pictures.decode import decode, decode_mask
from core.pictures.masks import Label, regions_of


class Seen(BaseModel):
    """A picture file that can be read, and what was seen in it."""

    model_config = ConfigDict(frozen=True)

    #: In pixels, upright.
    width: int
    height: int
    #: The colours of a mask, and the part of its area that each has; None of another picture.
    regions: tuple[tuple[Label, float], ...] | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.width, self.height


#: Looks into a file, given its bytes and whether it is a mask. Raises InvalidPicture.
Examine = Callable[[bytes, bool], Seen]


def examine(data: bytes, mask: bool, *, max_pixels: int) -> Seen:
    """Decode a file to its last pixel, in this process.

    Raises:
        InvalidPicture: as ``core.pictures.decode.decode`` and ``decode_mask``.
    """
    if mask:
        regions = decode_mask(data, max_pixels=max_pixels)
        return Seen(width=regions.width, height=regions.height, regions=regions_of(regions))
    picture = decode(data, max_pixels=max_pixels).picture
    return Seen(width=picture.width, height=picture.height)
