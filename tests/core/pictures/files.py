"""Writers of picture files that Pillow cannot write."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

#: The colour types of PNG (ISO 15948, 11.2.2), by channels.
_COLOR_TYPES = {1: 0, 3: 2, 2: 4, 4: 6}


def png16(levels: npt.NDArray[Any], transparent: tuple[int, ...] = ()) -> bytes:
    """Encode levels of shape (height, width, channels) as a PNG with 16 bits per channel."""
    height, width, channels = levels.shape
    head = struct.pack(">IIBBBBB", width, height, 16, _COLOR_TYPES[channels], 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in levels)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    if transparent:
        chunks.insert(1, (b"tRNS", struct.pack(f">{len(transparent)}H", *transparent)))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks)


def tiff(levels: npt.NDArray[Any], sample_format: int = 1) -> bytes:
    """Encode levels of shape (height, width, channels) as an uncompressed TIFF.

    Args:
        levels: little-endian, of the stored type.
        sample_format: 1 unsigned, 3 floating point (TIFF 6.0, section 19).
    """
    height, width, channels = levels.shape
    data = levels.tobytes()
    bits = struct.pack(f"<{channels}H", *[levels.itemsize * 8] * channels)
    tags = [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, channels, 8 + len(data)),
        (259, 3, 1, 1), (262, 3, 1, 2 if channels == 3 else 1), (273, 4, 1, 8),
        (277, 3, 1, channels), (278, 4, 1, height), (279, 4, 1, len(data)),
        (339, 3, 1, sample_format),
    ]  # fmt: skip
    if channels == 1:
        tags[2] = (258, 3, 1, levels.itemsize * 8)
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *t) for t in tags)
    start = 8 + len(data) + len(bits)
    return struct.pack("<2sHI", b"II", 42, start) + data + bits + directory + bytes(4)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def rng_levels(shape: tuple[int, ...], seed: int = 0) -> npt.NDArray[np.uint16]:
    """Return random 16-bit levels."""
    return np.random.default_rng(seed).integers(0, 65536, shape, dtype=np.uint16)
