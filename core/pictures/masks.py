"""The regions of masks: those of the content must be those of the styles, and none too small."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PIL import Image

from core.errors import InvalidPicture
from core.params import LEAST_POSITIONS, MAX_REGIONS, Layer, size_at

#: A region's colour: red, green and blue.
Label = tuple[int, ...]


def regions_of(mask: Image.Image) -> tuple[tuple[Label, float], ...]:
    """The colours of a mask, and their parts of its area.

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


def check_labels(mask: str, wanted: frozenset[Label], there: frozenset[Label]) -> None:
    """See that every region has a style, and every style a region.

    Args:
        mask: the field of the content's mask.
        wanted: the labels that it has.
        there: those that the styles' masks have.

    Raises:
        InvalidPicture: naming the colours that differ.
    """
    if wanted - there:
        raise InvalidPicture(
            f"has colours that no style_mask has: {_names(wanted - there)}; each region takes its "
            f"style from the region of the same colour, and the styles have {_names(there)}",
            mask,
        )
    if there - wanted:
        raise InvalidPicture(
            f"lacks colours that a style_mask has: {_names(there - wanted)}; a region of a style "
            f"is for the region of the same colour, and the content has {_names(wanted)}",
            mask,
        )


def check_areas(
    mask: str, areas: Mapping[Label, float], size: tuple[int, int], layers: Sequence[Layer]
) -> None:
    """See that every region is large enough to be seen at every layer.

    Args:
        mask: the field of the mask.
        areas: the part of the mask that each region covers.
        size: width and height that its picture is used at.
        layers: where the style is compared.

    Raises:
        InvalidPicture: naming a region that is not, the layer, and the remedy.
    """
    for layer in layers:
        width, height = size_at(layer, size)
        for label, area in areas.items():
            if area * width * height < LEAST_POSITIONS:
                raise InvalidPicture(
                    f"has the region {name_of(label)}, which is too small to be seen at {layer}: "
                    f"it covers {area:.2%} of {size[0]}x{size[1]} pixels, and needs "
                    f"{LEAST_POSITIONS / (width * height):.2%}; enlarge it, leave it out, or ask "
                    "for a larger size",
                    mask,
                )


def name_of(label: Label) -> str:
    """As it is written in HTML: ``#ff0000``."""
    return "#" + bytes(label).hex()


def _names(labels: frozenset[Label]) -> str:
    return ", ".join(name_of(label) for label in sorted(labels))
