"""``python -m tests.corpus.fuzz --files 20000 --seed 1``: fuzzes the decoders.

Every file is a valid picture with a few random changes, and is decoded in the sandbox. It
may be decoded or refused. Any other outcome is a finding: it is printed, its file is saved
in ``--keep``, and the command fails.
"""

from __future__ import annotations

import argparse
import logging
import random
import struct
import sys
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

from PIL import Image

from core.errors import InvalidPicture, ServiceUnavailable
from core.pictures.sandbox import Sandbox
from core.pictures.sandbox_process import Bounds
from tests.conftest import photo
from tests.corpus.make import SAVED, many_frames_png, many_frames_webp, photograph, png_of, saved

#: Small, for speed.
MAX_PIXELS = 1_000_000
#: Parts of error messages that report an exceeded limit or a crash.
LIMITS_AND_CRASHES = ("allowed for decoding", "decoder crashed")

BOUNDS = Bounds(memory_bytes=512 * 2**20, seconds=10, clock_seconds=120)

#: Sizes and counts that parsers often handle wrongly.
_EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def valid_files() -> list[bytes]:
    """Return valid pictures of all accepted kinds."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a place"
    small = photo(40, 30)
    kinds = [photograph(each, 40, 30) for each in SAVED]
    kinds += [saved(small, each, exif=exif) for each in ("JPEG", "PNG", "WEBP", "TIFF", "AVIF")]
    kinds += [saved(small.convert("CMYK"), "JPEG"), saved(small, "JPEG", progressive=True)]
    kinds += [saved(small.convert(mode), "PNG") for mode in ("1", "L", "LA", "P", "RGBA", "I;16")]
    for compression in (None, "tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits", "group4"):
        picture = small.convert("1") if compression == "group4" else small
        kinds.append(saved(picture, "TIFF", compression=compression))
    kinds += [saved(small, "WEBP", lossless=True), many_frames_webp(3), many_frames_png(3)]
    kinds += [saved(small.quantize(7), "GIF", interlace=1), png_of(32, 32, depth=16, color=2)]
    return kinds


def mutate(data: bytes, chance: random.Random) -> bytes:
    """Make one to eight random changes."""
    mutated = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 3, 5, 8))):
        chance.choice(_CHANGES)(mutated, chance)
    if mutated.startswith(b"\x89PNG") and chance.random() < 0.8:
        _fix_checksums(mutated)  # otherwise decoders stop at the first chunk
    return bytes(mutated)


def _place(data: bytearray, chance: random.Random) -> int:
    """Return a random position, more often in the headers than in the pixels."""
    end = len(data) if chance.random() < 0.4 else min(len(data), 200)
    return chance.randrange(max(1, end))


def _set_byte(data: bytearray, chance: random.Random) -> None:
    data[(at := _place(data, chance)) : at + 1] = bytes([chance.randrange(256)])


def _flip_bit(data: bytearray, chance: random.Random) -> None:
    at = _place(data, chance)
    data[at : at + 1] = bytes(byte ^ 1 << chance.randrange(8) for byte in data[at : at + 1])


def _set_number(data: bytearray, chance: random.Random) -> None:
    width = chance.choice("HI")
    number = chance.choice(_EXTREMES) & (0xFFFF if width == "H" else 0xFFFFFFFF)
    packed = struct.pack(chance.choice("<>") + width, number)
    at = _place(data, chance)
    data[at : at + len(packed)] = packed


def _cut_out(data: bytearray, chance: random.Random) -> None:
    at = _place(data, chance)
    del data[at : at + chance.randrange(1, 40)]


def _repeat(data: bytearray, chance: random.Random) -> None:
    at = _place(data, chance)
    data[at:at] = data[at : at + chance.randrange(1, 60)] * chance.randrange(1, 5)


def _cut_off(data: bytearray, chance: random.Random) -> None:
    del data[chance.randrange(len(data) + 1) :]


def _move(data: bytearray, chance: random.Random) -> None:
    start, at = _place(data, chance), _place(data, chance)
    part = data[start : start + chance.randrange(1, 30)]
    data[at : at + len(part)] = part


_CHANGES: tuple[Callable[[bytearray, random.Random], None], ...] = (
    _set_byte, _set_byte, _flip_bit, _set_number, _set_number, _cut_out, _repeat, _cut_off, _move,
)  # fmt: skip


def _fix_checksums(png: bytearray) -> None:
    at = 8
    while at + 12 <= len(png):
        end = at + 8 + int.from_bytes(png[at : at + 4], "big")
        if end + 4 > len(png):
            return
        png[end : end + 4] = struct.pack(">I", zlib.crc32(png[at + 4 : end]))
        at = end + 4


def mutated_files(count: int, seed: int) -> Iterator[bytes]:
    """Yield damaged files, the same ones for the same seed."""
    chance = random.Random(seed)
    valid = valid_files()
    for _ in range(count):
        yield mutate(chance.choice(valid), chance)


def outcome(sandbox: Sandbox, data: bytes, mask: bool) -> str:
    """Return ``decoded`` or ``refused``, or the message of a finding."""
    try:
        sandbox.inspect(data, mask, max_pixels=MAX_PIXELS)
    except InvalidPicture as error:
        finding = any(words in error.message for words in LIMITS_AND_CRASHES)
        return error.message if finding else "refused"
    except ServiceUnavailable as error:
        return str(error)
    return "decoded"


def main() -> int:
    """Fuzz the decoders, and return the exit status."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, default=Path(".fuzz"))
    options = parser.parse_args()
    logging.basicConfig(format="%(message)s: %(reason)s, status %(status)s")
    sandbox = Sandbox(1, BOUNDS)
    counts: Counter[str] = Counter()
    slowest = 0.0
    for number, data in enumerate(mutated_files(options.files, options.seed)):
        began = time.monotonic()
        result = outcome(sandbox, data, mask=number % 10 == 0)
        slowest = max(slowest, time.monotonic() - began)
        counts[result] += 1
        if result not in ("decoded", "refused"):
            options.keep.mkdir(exist_ok=True)
            (options.keep / sha256(data).hexdigest()).write_bytes(data)
    sandbox.stop()
    sys.stdout.write(f"{dict(counts)}, the slowest took {slowest:.2f} s\n")
    return int(set(counts) > {"decoded", "refused"})


if __name__ == "__main__":
    sys.exit(main())
