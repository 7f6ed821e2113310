"""``python -m tests.corpus.fuzz --files 20000 --seed 1``: damage pictures, and see what happens.

Every file is made of a good one by a few changes that the seed decides, and is
decoded in the sandbox. It may be read or refused. Whatever else happens is a find:
it is printed, kept in ``--keep``, and makes the command fail.
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
from core.pictures.sandbox import Bounds, Sandbox
from tests.conftest import photo
from tests.corpus.make import SAVED, many_frames_png, many_frames_webp, photograph, png_of, saved

#: Small, so that what is decoded after all is decoded quickly.
MAX_PIXELS = 1_000_000
BOUNDS = Bounds(memory_bytes=512 * 2**20, seconds=10, clock_seconds=120)

#: What readers of sizes and counts get wrong.
_EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def good_files() -> list[bytes]:
    """Pictures of all kinds that are accepted."""
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
    """One to eight changes."""
    mutated = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 3, 5, 8))):
        chance.choice(_CHANGES)(mutated, chance)
    if mutated.startswith(b"\x89PNG") and chance.random() < 0.8:
        _mend_sums(mutated)  # otherwise no reader looks any further
    return bytes(mutated)


def _place(data: bytearray, chance: random.Random) -> int:
    """Headers matter more than pixels."""
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


def _mend_sums(png: bytearray) -> None:
    at = 8
    while at + 12 <= len(png):
        end = at + 8 + int.from_bytes(png[at : at + 4], "big")
        if end + 4 > len(png):
            return
        png[end : end + 4] = struct.pack(">I", zlib.crc32(png[at + 4 : end]))
        at = end + 4


def mutated_files(count: int, seed: int) -> Iterator[bytes]:
    """So many; the same ones for the same seed."""
    chance = random.Random(seed)
    good = good_files()
    for _ in range(count):
        yield mutate(chance.choice(good), chance)


def outcome(sandbox: Sandbox, data: bytes, mask: bool) -> str:
    """``read`` or ``refused``; anything else is a find."""
    try:
        sandbox.examine(data, mask, max_pixels=MAX_PIXELS)
    except InvalidPicture as error:
        known = not any(word in error.message for word in ("allowed for decoding", "gave up"))
        return "refused" if known else error.message
    except ServiceUnavailable as error:
        return str(error)
    return "read"


def main() -> int:
    """Fuzz, and tell."""
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
        what = outcome(sandbox, data, mask=number % 10 == 0)
        slowest = max(slowest, time.monotonic() - began)
        counts[what] += 1
        if what not in ("read", "refused"):
            options.keep.mkdir(exist_ok=True)
            (options.keep / sha256(data).hexdigest()).write_bytes(data)
    sandbox.stop()
    sys.stdout.write(f"{dict(counts)}, the slowest took {slowest:.2f} s\n")
    return int(set(counts) > {"read", "refused"})


if __name__ == "__main__":
    sys.exit(main())
