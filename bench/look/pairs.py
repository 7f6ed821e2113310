"""Pairs of a photograph and a painting, and finished pictures of them, listed in text files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

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


class Finished(NamedTuple):
    """A picture that another program made of a pair."""

    pair: Pair
    picture: Path
    #: What made it.
    recipe: str


def read_pairs(path: Path) -> list[Pair]:
    """Return the pairs of a file.

    Args:
        path: a text file with a photograph and a painting in each line, relative to its folder.
            Empty lines and lines that begin with ``#`` are skipped.

    Raises:
        ValueError: a line does not name two files.
    """
    rows = _rows(path, 2, "a photograph and a painting")
    return [Pair(path.parent / content, path.parent / style) for content, style in rows]


def read_finished(path: Path) -> list[Finished]:
    """Return the finished pictures of a file.

    Args:
        path: a text file as for :func:`read_pairs`, where the finished picture follows the two,
            and then one word for what made it.

    Raises:
        ValueError: a line does not have these four words.
    """
    rows = _rows(path, 4, "a photograph, a painting, a result, and what made it")
    return [
        Finished(Pair(path.parent / content, path.parent / style), path.parent / result, recipe)
        for content, style, result, recipe in rows
    ]


def _rows(path: Path, count: int, expected: str) -> Iterator[list[str]]:
    for number, line in enumerate(path.read_text().splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) != count:
            raise ValueError(
                f"{path}, line {number} is {line!r}; expected {expected}, separated by spaces"
            )
        yield words


def read_picture(path: Path) -> Image.Image:
    """Return a picture, upright and in RGB."""
    with Image.open(path) as picture:
        return ImageOps.exif_transpose(picture).convert("RGB")
