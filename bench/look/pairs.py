"""Pairs of a photograph and a painting, listed in a text file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps


@dataclass(frozen=True)
class Pair:
    """A photograph and a painting."""

    content: Path
    style: Path

    @property
    def name(self) -> str:
        """For tables and captions, such as ``tubingen x wave``."""
        return f"{self.content.stem} x {self.style.stem}"


def read_pairs(path: Path) -> list[Pair]:
    """Return the pairs of a file.

    Args:
        path: a text file with a photograph and a painting in each line, relative to its folder.
            Empty lines and lines that begin with ``#`` are skipped.

    Raises:
        ValueError: a line does not name two files.
    """
    pairs = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) != 2:
            raise ValueError(
                f"{path}, line {number} is {line!r}; expected a photograph and a painting"
            )
        pairs.append(Pair(*(path.parent / word for word in words)))
    return pairs


def read_picture(path: Path) -> Image.Image:
    """Return a picture, upright and in RGB."""
    with Image.open(path) as picture:
        return ImageOps.exif_transpose(picture).convert("RGB")
