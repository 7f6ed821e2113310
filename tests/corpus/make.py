"""``python -m tests.corpus.make DIRECTORY``: generates malicious files, also for other tools.

Nothing is downloaded, and no file is larger than some hundred kilobytes, whatever it
decompresses to.
"""

from __future__ import annotations

import io
import struct
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from tests.conftest import photo

#: The accepted formats, with the options for saving a small photograph.
SAVED: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 90},
    "PNG": {},
    "WebP": {"quality": 90},
    "TIFF": {"compression": "tiff_lzw"},
    "GIF": {},
    "AVIF": {"quality": 80},
    "HEIC": {"quality": 80},
    "BMP": {},
}


def saved(picture: Image.Image, picture_format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, picture_format, **options)
    return buffer.getvalue()


def photograph(picture_format: str, width: int = 96, height: int = 72) -> bytes:
    """Return a valid picture of some kilobytes."""
    return saved(photo(width, height, seed=4), picture_format, **SAVED[picture_format])


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return a PNG chunk."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_of(width: int, height: int, *others: bytes, depth: int = 8, color: int = 0) -> bytes:
    """Return a black PNG with further chunks before its pixels."""
    head = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    row = b"\0" + bytes((width * depth * {0: 1, 2: 3, 3: 1, 6: 4}[color] + 7) // 8)
    pixels = zlib.compress(row * height, 9)
    chunks = (chunk(b"IHDR", head), *others, chunk(b"IDAT", pixels), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def text_bomb(kind: bytes, megabytes: int, times: int = 1) -> bytes:
    """Return a small PNG whose text decompresses to many megabytes."""
    packed = zlib.compress(bytes(megabytes * 2**20), 9)
    head = {b"zTXt": b"k\0\0", b"iTXt": b"k\0\1\0\0\0", b"iCCP": b"k\0\0"}[kind]
    return png_of(32, 32, *[chunk(kind, head + packed)] * times)


def many_frames_gif(frames: int) -> bytes:
    """Return a GIF that repeats one frame."""
    one = saved(photo(32, 32).quantize(16), "GIF")
    head = 13 + 3 * 2 ** ((one[10] & 7) + 1)
    return one[:head] + one[head:-1] * frames + b";"


def many_frames_png(frames: int) -> bytes:
    """Return an animated PNG (PNG specification, third edition)."""
    control = struct.pack(">IIIIHHBB", 32, 32, 0, 0, 1, 10, 0, 0)
    pixels = zlib.compress((b"\0" + bytes(32)) * 32)
    parts = [chunk(b"acTL", struct.pack(">II", frames, 0))]
    for number in range(frames):
        parts.append(chunk(b"fcTL", struct.pack(">I", 2 * number) + control))
        parts.append(chunk(b"fdAT", struct.pack(">I", 2 * number + 1) + pixels))
    return png_of(32, 32, *parts)


def many_frames_webp(frames: int) -> bytes:
    pictures = [Image.new("RGB", (32, 32), (number % 256, 0, 0)) for number in range(frames)]
    return saved(pictures[0], "WEBP", save_all=True, append_images=pictures[1:])


def many_scans(side: int, scans: int) -> bytes:
    """Return a progressive JPEG with many scans, which is small, but slow to decode."""
    one = saved(Image.new("L", (side, side), 99), "JPEG", progressive=True)
    last = one.rindex(b"\xff\xda")
    return one[:last] + one[last:-2] * scans + one[-2:]


def jpeg_claiming(width: int, height: int) -> bytes:
    """Return a small JPEG whose header claims another size."""
    data = bytearray(photograph("JPEG"))
    place = data.index(b"\xff\xc0") + 5
    data[place : place + 4] = struct.pack(">HH", height, width)
    return bytes(data)


def png_claiming(width: int, height: int) -> bytes:
    """Return a small PNG whose header claims another size."""
    data = png_of(32, 32)
    head = struct.pack(">II", width, height) + data[24:29]
    return data[:8] + chunk(b"IHDR", head) + data[33:]


def gif_claiming(width: int, height: int) -> bytes:
    data = photograph("GIF")
    return data[:6] + struct.pack("<HH", width, height) + data[10:]


def bmp_claiming(width: int, height: int) -> bytes:
    data = photograph("BMP")
    return data[:18] + struct.pack("<II", width, height) + data[26:]


def box_claiming(picture_format: str, width: int, height: int) -> bytes:
    """Return a small AVIF or HEIC whose boxes claim another size."""
    data = bytearray(photograph(picture_format))
    place = data.index(b"ispe") + 8
    data[place : place + 8] = struct.pack(">II", width, height)
    return bytes(data)


def tiff_of(*tags: tuple[int, int, int, int], following: int = 0) -> bytes:
    """Return a TIFF of one directory.

    Args:
        tags: tag, type, count and value of each entry.
        following: the offset of the next directory.
    """
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + entries + struct.pack("<I", following)


_PIXELS = ((256, 4, 1, 64), (257, 4, 1, 64), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1))


def polyglot_zip(picture: bytes) -> bytes:
    """Return a file that is both a picture and a ZIP archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("../../evil.sh", "echo evil")
    return picture + buffer.getvalue()


_SCRIPT = b"<html><body><script>alert(document.domain)</script></body></html>"

#: The files that must be refused, by name.
REFUSED: dict[str, Callable[[], bytes]] = {
    "empty": bytes,
    "one-byte": lambda: b"\xff",
    "one-pixel.png": lambda: png_of(1, 1),
    "thin.png": lambda: png_of(1, 10_000),
    "flat.png": lambda: png_of(10_000, 1),
    "bits-25000x25000.png": lambda: png_of(25_000, 25_000, depth=1),
    "claims-65535.png": lambda: png_claiming(65_535, 65_535),
    "claims-2147483647.png": lambda: png_claiming(2**31 - 1, 2**31 - 1),
    "claims-0.png": lambda: png_claiming(0, 0),
    "claims-65535.jpg": lambda: jpeg_claiming(65_535, 65_535),
    "claims-65535.gif": lambda: gif_claiming(65_535, 65_535),
    "claims-65535.avif": lambda: box_claiming("AVIF", 65_535, 65_535),
    "no-palette.png": lambda: png_of(32, 32, color=3),
    "loop.tiff": lambda: tiff_of(*_PIXELS, following=8),
    "far-strip.tiff": lambda: tiff_of(*_PIXELS, (273, 4, 1, 2**32 - 1), (279, 4, 1, 2**32 - 1)),
    "many-values.tiff": lambda: tiff_of(*_PIXELS, (273, 4, 2**31, 8), (279, 4, 2**31, 8)),
    "wide.tiff": lambda: tiff_of((256, 4, 1, 2**32 - 1), (257, 4, 1, 2**32 - 1), *_PIXELS[2:]),
    "drawing.svg": lambda: b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
    "laughs.svg": lambda: b"<!DOCTYPE svg [<!ENTITY a 'ha'><!ENTITY b '&a;&a;'>]><svg>&b;</svg>",
    "page.eps": lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(%pipe%id) (w) file\n",
    "page.pdf": lambda: b"%PDF-1.7\n1 0 obj <</OpenAction <</S /JavaScript>>>> endobj\n",
    "stars.fits": lambda: b"SIMPLE  =                    T".ljust(2880) + bytes(2880),
    "page.html": lambda: _SCRIPT,
    "page-as.jpg": lambda: b"\xff\xd8\xff\xe0" + _SCRIPT,
    "page-as.gif": lambda: b"GIF89a" + _SCRIPT,
    "claims-65535.bmp": lambda: bmp_claiming(65_535, 65_535),
    "claims-65535.heic": lambda: box_claiming("HEIC", 65_535, 65_535),
    "icon.ico": lambda: saved(photo(32, 32), "ICO"),
    "picture.ppm": lambda: saved(photo(32, 32), "PPM"),
    "photo.psd": lambda: b"8BPS\0\1" + bytes(60),
    "program.elf": lambda: b"\x7fELF" + bytes(200),
    "lines.xpm": lambda: b"/* XPM */\nstatic char *x[] = {",
    "pickle": lambda: b"cos\nsystem\n(S'id'\ntR.",
}

#: The unusual files that must be decoded, by name.
DECODED: dict[str, Callable[[], bytes]] = {
    "text-of-100-megabytes.png": lambda: text_bomb(b"zTXt", 100),
    "texts-of-128-megabytes.png": lambda: text_bomb(b"zTXt", 1, times=128),
    "international-text.png": lambda: text_bomb(b"iTXt", 100),
    "profile-of-100-megabytes.png": lambda: text_bomb(b"iCCP", 100),
    "10000-frames.gif": lambda: many_frames_gif(10_000),
    "2000-frames.png": lambda: many_frames_png(2000),
    "300-frames.webp": lambda: many_frames_webp(300),
    "30-scans.jpg": lambda: many_scans(side=200, scans=30),
    "and-archive.jpg": lambda: polyglot_zip(photograph("JPEG")),
    "and-archive.png": lambda: polyglot_zip(photograph("PNG")),
    "and-page.png": lambda: png_of(32, 32, chunk(b"tEXt", b"Comment\0" + _SCRIPT)),
    "and-page.jpg": lambda: saved(photo(32, 32), "JPEG", comment=_SCRIPT),
    "and-page.gif": lambda: saved(photo(32, 32), "GIF", comment=_SCRIPT),
    "and-php.png": lambda: photograph("PNG") + b"<?php system($_GET['c']); ?>",
}


def truncated() -> dict[str, bytes]:
    """Return a photograph of each format, truncated after every kilobyte."""
    return {
        f"cut-at-{length}.{picture_format.lower()}": whole[:length]
        for picture_format in SAVED
        for whole in [photograph(picture_format)]
        for length in range(1024, len(whole), 1024)
    }


def main(directory: Path) -> None:
    """Write all files."""
    directory.mkdir(parents=True, exist_ok=True)
    files = {name: make() for name, make in (REFUSED | DECODED).items()} | truncated()
    for name, data in files.items():
        (directory / name).write_bytes(data)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
