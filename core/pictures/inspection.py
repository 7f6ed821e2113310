"""Inspection of a picture file: the facts about it that require decoding all of it."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import BaseModel, ConfigDict

from core.pictures.decode import decode, decode_mask
from core.pictures.masks import Regions


class Inspection(BaseModel):
    """The size of a readable picture, the regions of a mask, and warnings."""

    model_config = ConfigDict(frozen=True)

    #: In pixels, upright.
    width: int
    height: int
    #: The regions of a mask; None if the file was not inspected as a mask.
    regions: Regions | None = None
    #: As in ``core.pictures.decode.Decoded``.
    warnings: tuple[str, ...] = ()

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.width, self.height


#: Inspects a file, given its bytes and whether it is a mask. Raises InvalidPicture.
Inspect = Callable[[bytes, bool], Inspection]


def inspect(data: bytes, mask: bool, *, max_pixels: int) -> Inspection:
    """Decode a file completely, in this process.

    Raises:
        InvalidPicture: as ``core.pictures.decode.decode`` and ``decode_mask``.
    """
    if mask:
        decoded = decode_mask(data, max_pixels=max_pixels)
        width, height = decoded.picture.size
        return Inspection(width=width, height=height, regions=decoded.regions)
    picture = decode(data, max_pixels=max_pixels)
    width, height = picture.picture.size
    return Inspection(width=width, height=height, warnings=picture.warnings)
