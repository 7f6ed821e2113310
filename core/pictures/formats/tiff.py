"""TIFF: finds the picture among its frames, and refuses by name what Pillow would show wrongly.

Tried with Pillow 12.3 and 13.0 against tifffile: Pillow does not invert deep greys whose white is
zero, reads unsigned integers of 32 bits as signed, and reads false values from 16-bit colours in
uncompressed planes and from compressed deep greys with the high byte first.
"""

from __future__ import annotations

import io
from typing import Any

from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2, TiffImageFile

from core.errors import InvalidPicture

#: The entries of ``Image.info`` that describe deep greys: whether white is zero, whether integers
#: of 32 bits are unsigned, and the levels that white may have.
INVERTED, UNSIGNED, WHITES = "easel_inverted", "easel_unsigned", "easel_whites"

# The tags of TIFF 6.0 and of DNG.
_KIND, _BITS, _COMPRESSION, _PHOTOMETRIC, _CHANNELS = 254, 258, 259, 262, 277
_PLANES, _SUB_IFDS, _SAMPLE_FORMAT, _DNG_VERSION = 284, 330, 339, 50706
_UNSIGNED, _SIGNED = 1, 2
_SAMPLES = {1: "unsigned integers", 2: "signed integers", 3: "floating-point numbers"}
_REMEDY = "save it with 8 or 16 bits per channel, interleaved"

#: How many reduced pictures may precede the picture itself.
_MOST_REDUCED = 8


def open_tiff(data: bytes) -> Image.Image:
    """Open the first frame that is not a reduced version of another.

    Raises:
        InvalidPicture: the frame has pixels of a kind that cannot be read.
    """
    try:
        opened = TiffImageFile(io.BytesIO(data))
    except SyntaxError as error:
        if "pixel mode" not in str(error):
            raise
        raise InvalidPicture(
            f"has {_kind_of_pixels(data)}, which cannot be read; {_REMEDY}"
        ) from None
    _find_picture(opened)
    _check_reading(opened)
    if opened.mode.startswith("I") or opened.mode == "F":
        _describe_greys(opened)
    return opened


def _find_picture(opened: TiffImageFile) -> None:
    """Go to the first frame that is not reduced. Raw photographs have none at the top level."""
    while opened.tag_v2.get(_KIND, 0) & 1 and opened.tell() < _MOST_REDUCED:
        try:
            opened.seek(opened.tell() + 1)
        except EOFError:
            break
    raw = opened.tag_v2.get(_KIND, 0) & 1 and _SUB_IFDS in opened.tag_v2
    if raw or _DNG_VERSION in opened.tag_v2:
        raise InvalidPicture(
            "is a raw photograph of a camera, which cannot be read; send a JPEG of it"
        )


def _check_reading(opened: TiffImageFile) -> None:
    tags = opened.tag_v2
    deep = max(tags.get(_BITS, (1,))) > 8
    compressed = tags.get(_COMPRESSION, 1) != 1
    if deep and tags.get(_PLANES) == 2 and tags.get(_CHANNELS, 1) > 1 and not compressed:
        raise InvalidPicture(f"has 16-bit channels in planes, which cannot be read; {_REMEDY}")
    if opened.mode in ("I", "F") and compressed and tags.prefix == b"MM":
        kind = f"compressed {_kind(tags)} with the high byte first"
        raise InvalidPicture(f"has {kind}, which cannot be read; {_REMEDY}")


def _describe_greys(opened: TiffImageFile) -> None:
    tags = opened.tag_v2
    bits, samples = tags.get(_BITS, (1,))[0], tags.get(_SAMPLE_FORMAT, (_UNSIGNED,))[0]
    opened.info[INVERTED] = tags.get(_PHOTOMETRIC) == 0
    opened.info[UNSIGNED] = (bits, samples) == (32, _UNSIGNED)
    largest = 2.0 ** (bits - (samples == _SIGNED)) - 1
    if opened.mode == "F":
        opened.info[WHITES] = (1.0, 255.0, 65535.0, largest)
    elif bits == 32:
        opened.info[WHITES] = (255.0, 65535.0, largest)
    else:
        opened.info[WHITES] = (largest,)


def _kind_of_pixels(data: bytes) -> str:
    """Describe the pixels of the first frame, which Pillow does not open."""
    tags = ImageFileDirectory_v2(data[:8])
    file = io.BytesIO(data)
    file.seek(tags.next)
    tags.load(file)
    return _kind(tags)


def _kind(tags: Any) -> str:
    samples = _SAMPLES.get(tags.get(_SAMPLE_FORMAT, (_UNSIGNED,))[0], "samples of an unknown kind")
    channels = tags.get(_CHANNELS, 1)
    return f"{channels} channel{'s' * (channels > 1)} of {tags.get(_BITS, (1,))[0]}-bit {samples}"
