"""The time from a claim to a warm worker's first step: ``python -m bench.start [SIZE ...]``.

In between, the two files are decoded and resampled to the size of the first scale, and the network
computes the targets and the loss of the start. The second job has another photograph and the same
painting, whose targets are cached.
"""

from __future__ import annotations

import io
import sys
import time
from pathlib import Path

from PIL import Image

from core.nst import VGG19, Pictures, load_network, pick_device, stylize
from core.params import StyleParams
from core.pictures import decode as images
from core.runtime.malloc import keep_freed_memory
from core.settings.model import Settings

_SAMPLES = Path("samples")
_MAX_PIXELS = 40_000_000
#: The size of the uploads: photographs are larger than results.
_UPLOAD_SIZE = (2048, 1536)


def upload(path: Path) -> bytes:
    """Return a picture as a file that a user might upload."""
    buffer = io.BytesIO()
    Image.open(path).convert("RGB").resize(_UPLOAD_SIZE).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def milliseconds(content: bytes, style: bytes, size: int, network: VGG19) -> list[float]:
    """Return the times until the files are decoded, the start is evaluated, and a step is made."""
    started = time.perf_counter()
    pictures = Pictures(
        images.decode(content, max_pixels=_MAX_PIXELS).picture,
        [images.decode(style, max_pixels=_MAX_PIXELS).picture],
    )
    times = [time.perf_counter()]
    steps = stylize(pictures, StyleParams(size=size), network)
    for _ in range(2):
        float(next(steps).loss.total)  # waits for the device
        times.append(time.perf_counter())
    return [1000 * (now - started) for now in times]


def main() -> None:
    """Measure and print."""
    keep_freed_memory()  # as a worker does
    network = load_network(StyleParams().network, Settings().weights_dir, pick_device())
    cat, coffee = (upload(_SAMPLES / "photos" / name) for name in ("cat.jpg", "coffee.jpg"))
    style = upload(_SAMPLES / "styles" / "swirls.jpg")
    milliseconds(cat, cat, 256, network)  # a warm worker has already run a job
    print("   size  style      decoded evaluated  1st step   in ms since the claim")
    for size in [int(argument) for argument in sys.argv[1:]] or [256, 512]:
        network.exact.cache.clear()
        for cached, content in (("new", cat), ("cached", coffee)):
            row = milliseconds(content, style, size, network)
            print(f"{size:7d}  {cached:6s}" + "".join(f"{each:10.0f}" for each in row))


if __name__ == "__main__":
    main()
