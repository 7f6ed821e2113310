"""Greys of more than 8 bits: their conversion to 8 bits, which Pillow itself would clip."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from PIL import Image, ImageMath

from core.errors import InvalidPicture
from core.pictures.formats.tiff import INVERTED, UNSIGNED, WHITES

#: Pillow's greyscale modes of more than 8 bits.
DEEP_GREYS = ("I;16", "I;16L", "I;16B", "I;16N", "I", "F")

#: The white of files that do not say what their levels mean: 16-bit PNGs.
_DEFAULT_WHITES = (65535.0,)

#: The part of floating-point levels that may exceed white: highlights that a program did not clip.
_HIGHLIGHTS = 0.01


def to_eight_bits(picture: Image.Image) -> Image.Image:
    """Convert deep greys to mode ``L``, so that white is 255. Levels beyond black and white clip.

    Raises:
        InvalidPicture: levels are infinite or not a number.
    """
    levels = picture.convert("F")
    if picture.info.get(UNSIGNED):
        levels = ImageMath.lambda_eval(lambda of: of["x"] + (of["x"] < 0) * 2.0**32, x=levels)
    if picture.mode == "F" and _count(levels, lambda x, of: of["notequal"](x - x, 0)):
        raise InvalidPicture("has levels that are infinite or not a number; replace them")
    most = _HIGHLIGHTS * levels.width * levels.height if picture.mode == "F" else 0
    scale = 255 / _white(levels, picture.info.get(WHITES, _DEFAULT_WHITES), most)
    if picture.info.get(INVERTED):
        return levels.point(lambda level: level * -scale + 255.5).convert("L")
    return levels.point(lambda level: level * scale + 0.5).convert("L")


def alpha_of(picture: Image.Image) -> Image.Image | None:
    """Return the alpha of 16-bit grey: a PNG can declare one grey level transparent."""
    level = picture.info.get("transparency")
    if not isinstance(level, int):
        return None
    opacity = [255] * 65536
    opacity[level] = 0
    return picture.convert("I").point(opacity, "L")


def _white(levels: Image.Image, whites: Sequence[float], most: float) -> float:
    """Return the smallest of the whites that at most the given number of levels exceeds."""
    for white in whites[:-1]:
        if _count(levels, _exceeds(white)) <= most:
            return white
    return whites[-1]


def _exceeds(white: float) -> Callable[[Any, Any], Any]:
    return lambda levels, _: levels > white


def _count(levels: Image.Image, condition: Callable[[Any, Any], Any]) -> int:
    """Return how many levels fulfil a condition on the levels and Pillow's functions."""
    found = ImageMath.lambda_eval(lambda of: of["convert"](condition(of["x"], of), "L"), x=levels)
    return levels.width * levels.height - int(found.histogram()[0])
