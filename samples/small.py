"""Make the small versions of the samples, which the page shows to choose from."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageOps

SIZE = (144, 112)


def shrink(samples: Path) -> None:
    """Write ``small/FOLDER-NAME.jpg`` for every sample, cropped to one shape."""
    small = samples / "small"
    small.mkdir(exist_ok=True)
    for path in sorted([*samples.glob("photos/*.jpg"), *samples.glob("styles/*.jpg")]):
        with Image.open(path) as picture:
            fitted = ImageOps.fit(picture, SIZE, Image.Resampling.LANCZOS)
        fitted.save(small / f"{path.parent.name}-{path.name}", quality=72, optimize=True)


if __name__ == "__main__":
    shrink(Path(__file__).parent)
