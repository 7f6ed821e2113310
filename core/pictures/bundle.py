"""The pictures of one job, as the optimiser takes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from core.errors import FieldError, InvalidPicture, InvalidRequest
from core.params import Init


@dataclass(frozen=True)
class Pictures:
    """All of mode ``RGB`` unless said otherwise, upright, and of the sizes they came in."""

    content: Image.Image
    styles: Sequence[Image.Image]
    #: What to start from; it may have any size.
    init_image: Image.Image | None = None
    #: Its colours are labels of regions. As large as the content, if it is there.
    content_mask: Image.Image | None = None
    #: None, or one per style, as large as the style.
    style_masks: Sequence[Image.Image] = ()
    #: The content's, of mode ``L``, for the result to carry over; None if it is opaque.
    alpha: Image.Image | None = None

    def __post_init__(self) -> None:
        masked = self.content_mask is not None
        if errors := mask_errors(masked, len(self.style_masks), len(self.styles)):
            raise InvalidRequest(errors)


def mask_errors(content_mask: bool, style_masks: int, styles: int) -> list[FieldError]:
    """What is wrong with the number of masks.

    Args:
        content_mask: whether there is one.
        style_masks: how many there are.
        styles: how many style pictures there are.
    """
    if style_masks and not content_mask:
        missing = (
            "is missing, and there is a style_mask; the regions of a style need those of "
            "the content: add a content_mask, or leave out the style_mask"
        )
        return [FieldError("content_mask", missing)]
    if content_mask and style_masks != styles:
        expected = (
            f"expected one file for each style, in the same order, got {style_masks} for "
            f"{styles}; add what is missing, or leave out all masks"
        )
        return [FieldError("style_mask", expected)]
    return []


def check_start(init: Init, given: bool) -> None:
    """See that there is a picture to start from where one is asked for, and only there.

    Args:
        init: what to start from.
        given: whether there is an ``init_image``.

    Raises:
        InvalidPicture: naming ``init_image``.
    """
    if (init is Init.IMAGE) != given:
        wrong = f"init is {init.value}, and there is {'one' if given else 'none'}"
        remedy = "send the picture and init=image, or neither"
        raise InvalidPicture(f"{wrong}; {remedy}", "init_image")
