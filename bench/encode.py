"""Time and memory of encoding a result: ``python -m bench.encode [WIDTH HEIGHT]``.

Each format has its own process, because a peak is that of the whole process. The picture is a
painting of ``samples/styles`` at the requested size with the grain of an optimiser.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from core.params import PictureFormat
from core.pictures.encode import encode

_MIB = 2**20
_PAINTING = Path(__file__).parent.parent / "samples" / "styles" / "swirls.jpg"

#: The standard deviation of the grain, in pixel values from 0 to 1.
_GRAIN = 0.01


def _picture(width: int, height: int) -> npt.NDArray[np.float32]:
    """Return pixels as the optimiser has them: shape (height, width, 3), a channel at a time."""
    planes = np.empty((3, height, width), dtype=np.float32)
    rng = np.random.default_rng(0)
    with Image.open(_PAINTING) as opened:
        painting = opened.convert("RGB").resize((width, height), Image.Resampling.BICUBIC)
    for plane, channel in zip(planes, painting.split(), strict=True):
        for row in range(0, height, 64):
            band = np.asarray(channel.crop((0, row, width, min(row + 64, height))), np.float32)
            grain = rng.standard_normal(band.shape, dtype=np.float32) * np.float32(_GRAIN)
            plane[row : row + 64] = band / np.float32(255) + grain
    return planes.transpose(1, 2, 0)


def _peak() -> int:
    """Return the peak of this process's memory since the last call of :func:`_forget_peak`."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def _forget_peak() -> int:
    """Set the peak of this process's memory to what it has now, and return that."""
    Path("/proc/self/clear_refs").write_text("5")
    return _peak()


def _measure(width: int, height: int, picture_format: PictureFormat) -> None:
    pixels = _picture(width, height)
    encode(pixels[:64, :64], None, picture_format, 92)  # imports the encoder
    before = _forget_peak()
    started, used = time.perf_counter(), time.process_time()
    file = encode(pixels, None, picture_format, 92)
    seconds, processor = time.perf_counter() - started, time.process_time() - used
    more = _peak() - before
    print(
        f"| {picture_format.value} | {seconds:.1f} | {processor:.1f} "
        f"| {len(file.data) / _MIB:.0f} | {more / _MIB:.0f} | {more / pixels.nbytes:.2f} |",
        flush=True,
    )


def main() -> None:
    """Print the table; with a single format, its row."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("size", nargs="*", type=int, default=[12000, 8000], metavar="WIDTH HEIGHT")
    parser.add_argument("--format", type=PictureFormat)
    arguments = parser.parse_args()
    width, height = arguments.size
    if arguments.format:
        _measure(width, height, arguments.format)
        return
    print("| format | seconds | of a core | file, MiB | more memory, MiB | of the picture |")
    print("|---|---|---|---|---|---|", flush=True)
    for each in PictureFormat:
        case = [str(width), str(height), "--format", each.value]
        subprocess.run([sys.executable, "-m", "bench.encode", *case], check=True)


if __name__ == "__main__":
    main()
