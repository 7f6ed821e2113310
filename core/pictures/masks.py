"""Masks: their regions, and the checks of labels, areas and numbers.

A mask assigns every pixel of a picture to a region. Its colours are the labels of the
regions: a region of the content takes its style from the style regions of the same colour.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PIL import Image

from core.errors import FieldError, InvalidPicture
from core.params import LEAST_POSITIONS, MAX_REGIONS, Layer, size_at

#: The colour of a region: red, green and blue, 0 to 255.
Label = tuple[int, ...]

#: The labels of a mask, each with the fraction of the area that its region covers.
Regions = tuple[tuple[Label, float], ...]


def regions_of(mask: Image.Image) -> Regions:
    """Count the regions of a mask. This scans all of its pixels.

    Raises:
        InvalidPicture: there are more than ``MAX_REGIONS``.
    """
    counted = mask.convert("RGB").getcolors(MAX_REGIONS)
    if counted is None:
        raise InvalidPicture(
            f"has more than {MAX_REGIONS} colours, and each stands for a region; draw it "
            "without smoothing, and save it without loss, as PNG"
        )
    pixels = mask.width * mask.height
    return tuple((color, count / pixels) for count, color in counted if isinstance(color, tuple))


def check_labels(field: str, content: frozenset[Label], styles: frozenset[Label]) -> None:
    """Check that content and styles have the same regions.

    Args:
        field: the form field of the content's mask, for the error.
        content: the labels of the content's mask.
        styles: the labels of all style masks.

    Raises:
        InvalidPicture: a label occurs in one of the two only.
    """
    if content - styles:
        raise InvalidPicture(
            f"has colours that no style_mask has: {_names(content - styles)}; each region takes "
            f"its style from the region of the same colour, and the styles have {_names(styles)}",
            field,
        )
    if styles - content:
        raise InvalidPicture(
            f"lacks colours that a style_mask has: {_names(styles - content)}; a region of a "
            f"style is for the region of the same colour, and the content has {_names(content)}",
            field,
        )


def check_areas(
    field: str, areas: Mapping[Label, float], size: tuple[int, int], layers: Sequence[Layer]
) -> None:
    """Check that every region covers enough positions of every layer.

    Args:
        field: the form field of the mask, for the error.
        areas: the fraction of the mask that each region covers.
        size: width and height of the scaled picture, in pixels.
        layers: the layers of the style loss.

    Raises:
        InvalidPicture: a region is too small for a layer.
    """
    for layer in layers:
        width, height = size_at(layer, size)
        for label, area in areas.items():
            if area * width * height < LEAST_POSITIONS:
                raise InvalidPicture(
                    f"has the region {name_of(label)}, which is too small for {layer}: it covers "
                    f"{area:.2%} of {size[0]}x{size[1]} pixels; expected at least "
                    f"{LEAST_POSITIONS / (width * height):.2%}; enlarge it, remove it, or use a "
                    "larger size",
                    field,
                )


def count_mask_errors(content_masks: int, style_masks: int, styles: int) -> list[FieldError]:
    """Return the errors in the numbers of masks.

    Args:
        content_masks: number of content masks, 0 or 1.
        style_masks: number of style masks.
        styles: number of style pictures.
    """
    if style_masks and not content_masks:
        missing = (
            "is missing, and there is a style_mask; the regions of a style need those of "
            "the content: add a content_mask, or leave out the style_mask"
        )
        return [FieldError("content_mask", missing)]
    if content_masks and style_masks != styles:
        expected = (
            f"expected one file for each style, in the same order, got {style_masks} for "
            f"{styles}; add the missing files, or leave out all masks"
        )
        return [FieldError("style_mask", expected)]
    return []


def name_of(label: Label) -> str:
    """Return the label in hexadecimal notation, such as ``#ff0000``."""
    return "#" + bytes(label).hex()


def _names(labels: frozenset[Label]) -> str:
    return ", ".join(name_of(label) for label in sorted(labels))
