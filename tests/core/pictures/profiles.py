"""ICC profiles written byte by byte, and their arithmetic in NumPy.

This module does not use LittleCMS, with which Easel converts.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

#: Columns: the XYZ of the red, green and blue primaries, adapted to D50.
SRGB = np.array(
    [[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]]
)
ADOBE_RGB = np.array(
    [[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]]
)
D50 = (0.9642, 1.0, 0.8249)


def srgb_levels(xyz: Floats) -> Floats:
    """Convert XYZ (D50) to sRGB levels, 0 to 255, not rounded (IEC 61966-2-1)."""
    linear = (xyz @ np.linalg.inv(SRGB).T).clip(0, 1)
    curve = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.asarray(curve * 255)


def lab_to_xyz(lab: Floats) -> Floats:
    """Convert CIE L*a*b* (D50) to XYZ."""
    fy = (lab[..., 0] + 16) / 116
    f = np.stack([fy + lab[..., 1] / 500, fy, fy - lab[..., 2] / 200], axis=-1)
    delta = 6 / 29
    return np.asarray(np.where(f > delta, f**3, 3 * delta**2 * (f - 4 / 29)) * np.array(D50))


def matrix_profile(primaries: Floats, gamma: float) -> bytes:
    """Return a display profile: RGB to the power of gamma, times the primaries."""
    columns = {f"{name}XYZ": _xyz(column) for name, column in zip("rgb", primaries.T, strict=True)}
    curves = {f"{name}TRC": _gamma(gamma) for name in "rgb"}
    return _profile("mntr", "RGB ", "XYZ ", {**columns, **curves})


def grey_profile(gamma: float) -> bytes:
    """Return a profile of grey to the power of gamma."""
    return _profile("mntr", "GRAY", "XYZ ", {"kTRC": _gamma(gamma)})


def cmyk_profile(corners: Sequence[Sequence[int]]) -> bytes:
    """Return a press profile in which each of the 16 mixtures of full inks has a given colour.

    Args:
        corners: L* (0 to 255 for 0 to 100), a* + 128 and b* + 128, for the mixtures
            counted up in C, M, Y, K, the last changing fastest.
    """
    identity = bytes(range(256))
    matrix = struct.pack(">9i", *(65536 if i % 4 == 0 else 0 for i in range(9)))
    lut = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + matrix + identity * 4
    lut += b"".join(bytes(corner) for corner in corners) + identity * 3
    return _profile("prtr", "CMYK", "Lab ", {"A2B0": lut})


def _profile(kind: str, space: str, connection: str, tags: dict[str, bytes]) -> bytes:
    text = b"made for a test\0"
    description = b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(78)
    tags = {"desc": description, "wtpt": _xyz(D50), "cprt": b"text\0\0\0\0" + text, **tags}
    table, body, start = b"", b"", 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        table += name.encode() + struct.pack(">II", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    head = struct.pack(
        ">I4sI4s4s4s12s4s4sI4s4sQI12s4s",
        start + len(body), b"", 0x02400000, kind.encode(), space.encode(), connection.encode(),
        bytes(12), b"acsp", b"", 0, b"", b"", 0, 0, _s15fixed16(*D50), b"",
    )  # fmt: skip
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def _xyz(values: Sequence[float] | Floats) -> bytes:
    return b"XYZ \0\0\0\0" + _s15fixed16(*values)


def _gamma(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))


def _s15fixed16(*values: float) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))
