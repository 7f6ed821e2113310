"""JPEG: files that were cut off, and pictures that are decoded at a reduced scale."""

from __future__ import annotations

import io
import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from PIL import Image, ImageChops
from PIL.JpegImagePlugin import JpegImageFile

#: The greatest part of a picture that may be missing at its end.
MOST_LOST = 0.05

#: libjpeg decodes at full scale, or at a half, a quarter or an eighth of it.
_SCALES = (1, 2, 4, 8)

_END = b"\xff\xd9"

#: In the compressed data of a scan, FF is followed by 00, or by a restart marker.
_END_OF_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_START_OF_SCAN, _STARTS_OF_FRAME = 0xDA, (0xC0, 0xC1, 0xC2, 0xC9, 0xCA)
_COEFFICIENTS = 64


@dataclass(frozen=True)
class _Scan:
    """The header of a scan (ITU-T T.81, B.2.3)."""

    components: bytes
    #: The first and the last coefficient, in zigzag order.
    first: int
    last: int
    #: How many of the lowest bits of the coefficients later scans add.
    lower_bits: int
    #: Whether the data of the scan end before the file does.
    complete: bool


def open_jpeg(data: bytes, max_pixels: int) -> Image.Image:
    """Open a file. A picture of more pixels than allowed is decoded at a reduced scale.

    At a scale of 1/n, libjpeg computes only the lowest 8/n x 8/n coefficients of each block, which
    is the mean of n x n pixels. This takes less memory and time than decoding all pixels.
    """
    opened = JpegImageFile(io.BytesIO(data))
    width, height = opened.size
    smaller = (each for each in _SCALES if -(-width // each) * -(-height // each) <= max_pixels)
    scale = next(smaller, _SCALES[-1])
    if scale > 1:
        opened.draft(None, (width // scale, height // scale))
    return opened


def complete(data: bytes) -> tuple[bytes, str] | None:
    """Complete a file that was cut off, as when a transfer was interrupted.

    Returns:
        The file with an end, and a sentence about what is missing; None if that is too much.
    """
    whole = data + _END
    components, scans = _read_headers(data)
    if not scans:
        return None
    if len(scans) > 1:
        if not _nearly_exact(components, scans):
            return None
        return whole, "the file is cut off; the finest detail of the picture may be missing"
    lost = _lost(data, whole)
    if lost > MOST_LOST:
        return None
    part = f"the last {lost:.1%}" if lost >= 0.001 else "less than 0.1%"
    return whole, f"the file is cut off; {part} of the picture is missing"


def _lost(data: bytes, whole: bytes) -> float:
    """Return the part of the picture, 0 to 1, that a cut-off file of one scan does not have.

    libjpeg fills what is missing with mid-grey. Mid-grey pixels are missing if they are in rows
    that are decoded only when the file has an end.
    """
    cut_off, ended = _read_small(data), _read_small(whole)
    difference = ImageChops.difference(cut_off, ended).getbbox()
    if difference is None:
        return 0.0
    rows = ended.crop((0, difference[1], *ended.size))
    missing = sum(rows.histogram()[127:129])  # inverted levels, as in CMYK, are 127
    return missing / (ended.width * ended.height)


def _read_small(data: bytes) -> Image.Image:
    """Decode the first channel at an eighth of its scale. Rows that do not exist are black."""
    opened = JpegImageFile(io.BytesIO(data))
    opened.draft("L", (max(1, opened.width // 8), max(1, opened.height // 8)))
    with suppress(OSError):
        opened.load()
    opened.tile = []  # or the next call decodes again
    return opened.getchannel(0)


def _nearly_exact(components: bytes, scans: list[_Scan]) -> bool:
    """Return whether all coefficients of all components are known except for their lowest bit."""
    known: dict[int, set[int]] = defaultdict(set)
    for scan in scans:
        if scan.complete and scan.lower_bits <= 1:
            for component in scan.components:
                known[component].update(range(scan.first, scan.last + 1))
    return all(len(known[component]) == _COEFFICIENTS for component in components)


def _read_headers(data: bytes) -> tuple[bytes, list[_Scan]]:
    """Return the ids of the components, and the scans."""
    components, scans = b"", []
    for marker, segment, after in _segments(data):
        if marker in _STARTS_OF_FRAME:
            components = segment[6::3]
        elif marker == _START_OF_SCAN and len(segment) >= 6:
            first, last, bits = segment[-3:]
            complete = _END_OF_SCAN.search(data, after) is not None
            scans.append(_Scan(segment[1:-3:2], first, last, bits & 15, complete))
    return components, scans


def _segments(data: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Yield the marker and the contents of each segment, and the position after it."""
    at = 2
    while found := _END_OF_SCAN.search(data, at):
        marker, start = data[found.end() - 1], found.end()
        at = start + int.from_bytes(data[start : start + 2], "big")
        if marker == _END[1] or at > len(data):
            return
        yield marker, data[start + 2 : at], at
