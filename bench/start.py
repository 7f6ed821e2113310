"""From a claim to the first steps of a warm worker: ``python -m bench.start [SIZE ...]``.

What lies in between: the two files are decoded, brought to the size of the first
scale, and looked at by the network. The second job has another photograph and the
same painting.
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
#: What a phone sends is larger than what is painted.
_UPLOADED = (2048, 1536)


def uploaded(path: Path) -> bytes:
    """The file of a picture as a user might send it."""
    buffer = io.BytesIO()
    Image.open(path).convert("RGB").resize(_UPLOADED).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def milliseconds(content: bytes, style: bytes, size: int, network: VGG19) -> list[float]:
    """From the claim until the files are decoded, the start is judged, and one step is made."""
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
    return [1000 * (moment - started) for moment in times]


def main() -> None:
    """Measure and print."""
    keep_freed_memory()  # as a worker does
    network = load_network(StyleParams().network, Settings().weights_dir, pick_device())
    cat, coffee = (uploaded(_SAMPLES / "photos" / name) for name in ("cat.jpg", "coffee.jpg"))
    style = uploaded(_SAMPLES / "styles" / "swirls.jpg")
    milliseconds(cat, cat, 256, network)  # a warm worker has run a job before
    print("   size  style      decoded   started  1st step   in ms since the claim")
    for size in [int(argument) for argument in sys.argv[1:]] or [256, 512]:
        network.exact.cache.clear()
        for seen, content in (("new", cat), ("known", coffee)):
            row = milliseconds(content, style, size, network)
            print(f"{size:7d}  {seen:6s}" + "".join(f"{each:10.0f}" for each in row))


if __name__ == "__main__":
    main()
