"""The labels of regions: those of the content must be those of the styles."""

from __future__ import annotations

from core.errors import InvalidPicture
from core.images import Label


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


def _names(labels: frozenset[Label]) -> str:
    return ", ".join("#" + bytes(label).hex() for label in sorted(labels))
