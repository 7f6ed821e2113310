"""PNG: reads the chunks that a picture needs, and leaves out all others.

Editors and cameras write wrong or large metadata, which browsers ignore and Pillow refuses.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator

from PIL import Image
from PIL.PngImagePlugin import PngImageFile

#: The chunks of the picture itself. They stay as they are.
_PIXELS = (b"IHDR", b"PLTE", b"IDAT", b"IEND")

#: The texts that can have an orientation, by keyword.
_ORIENTATIONS = (b"Raw profile type exif", b"XML:com.adobe.xmp")
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")

#: The largest profile that is read, decompressed; libpng has the same limit. Larger ones are
#: ignored, like larger texts.
_MAX_PROFILE_BYTES = 8_000_000
_MAX_TEXT_BYTES = 2**20

#: The bytes of a transparent colour, by the colour type of the header. Palettes may have any
#: number of entries, and pictures with an alpha channel have no such chunk.
_TRANSPARENT_BYTES = {0: 2, 2: 6, 3: 1}


def open_png(data: bytes) -> Image.Image:
    """Open a file: its first picture, colour profile, transparency and orientation."""
    kept, profile = [data[:8]], None
    for kind, chunk in _chunks(data):
        body = chunk[8:-4]
        if kind in _PIXELS:
            kept.append(chunk)
        elif kind == b"iCCP":
            profile = _inflate(body.partition(b"\0")[2][1:], _MAX_PROFILE_BYTES)
        elif _is_needed(kind, body, color_type=data[25]):
            kept.append(_chunk(kind, body))  # with the right checksum
    opened = PngImageFile(io.BytesIO(b"".join(kept)))
    if profile:
        opened.info["icc_profile"] = profile
    return opened


def _is_needed(kind: bytes, body: bytes, *, color_type: int) -> bool:
    if kind == b"tRNS":
        return len(body) >= _TRANSPARENT_BYTES.get(color_type, len(body) + 1)
    if kind in _TEXTS:
        keyword, _, text = body.partition(b"\0")
        return keyword in _ORIENTATIONS and _is_short(kind, text)
    return kind == b"eXIf"


def _is_short(kind: bytes, text: bytes) -> bool:
    """Return whether a text, which may be compressed, is short enough to be read."""
    if kind == b"iTXt" and text[:1] == b"\1":  # compressed, after two null-terminated texts
        text = text[2:].split(b"\0", 2)[-1]
    elif kind == b"zTXt":
        text = text[1:]
    else:
        return len(text) < _MAX_TEXT_BYTES
    return _inflate(text, _MAX_TEXT_BYTES - 1) is not None


def _inflate(packed: bytes, most: int) -> bytes | None:
    """Decompress data; None if they are damaged, or longer than the given number of bytes."""
    inflater = zlib.decompressobj()
    try:
        inflated = inflater.decompress(packed, most)
    except zlib.error:
        return None
    return None if inflater.unconsumed_tail else inflated


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the kind of each chunk, and the whole chunk. The last one may be cut off."""
    at, kind = 8, b""
    while at < len(data) and kind != b"IEND":
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        kind = data[at + 4 : at + 8]
        yield kind, data[at:end]
        at = end


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
