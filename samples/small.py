"""Make thumbnails of the samples, from which users of the web page choose."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageOps

SIZE = (126, 98)


def shrink(samples: Path) -> None:
    """Write ``small/FOLDER-NAME.webp`` for every sample, cropped to the same shape."""
    small = samples / "small"
    small.mkdir(exist_ok=True)
    for path in sorted([*samples.glob("photos/*.jpg"), *samples.glob("styles/*.jpg")]):
        with Image.open(path) as picture:
            fitted = ImageOps.fit(picture, SIZE, Image.Resampling.LANCZOS)
        fitted.save(small / f"{path.parent.name}-{path.stem}.webp", quality=45, method=6)


if __name__ == "__main__":
    shrink(Path(__file__).parent)
