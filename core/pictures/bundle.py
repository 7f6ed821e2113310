"""The decoded pictures of a job, which the optimiser works on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from core.errors import InvalidPicture, InvalidRequest
from core.params import Init
from core.pictures.detail import check_proportions
from core.pictures.masks import count_mask_errors


@dataclass(frozen=True)
class Pictures:
    """The pictures of a job: upright, of their original sizes, of mode ``RGB`` unless stated.

    Raises:
        InvalidRequest: the number of masks is wrong, or the detail map has other proportions than
            the content.
    """

    content: Image.Image
    styles: Sequence[Image.Image]
    #: The image to start from, of any size.
    init_image: Image.Image | None = None
    #: Its colours are the labels of regions. It has the proportions of the content.
    content_mask: Image.Image | None = None
    #: None, or one for each style, in the proportions of the style.
    style_masks: Sequence[Image.Image] = ()
    #: Where the content's detail is kept, mode ``L``: white keeps it, black paints freely, and
    #: mid-grey (128) changes nothing. It has the proportions of the content.
    detail_map: Image.Image | None = None
    #: The alpha channel of the content, mode ``L``, for the result; None if it is opaque.
    alpha: Image.Image | None = None

    def __post_init__(self) -> None:
        content_masks = int(self.content_mask is not None)
        if errors := count_mask_errors(content_masks, len(self.style_masks), len(self.styles)):
            raise InvalidRequest(errors)
        if self.detail_map is not None:
            sizes = self.detail_map.size, self.content.size
            check_proportions("detail_map", sizes[0], "content", sizes[1])

    @property
    def size_bytes(self) -> int:
        """The memory that the pictures take."""
        single = (self.init_image, self.content_mask, self.detail_map, self.alpha)
        pictures = [self.content, *self.styles, *self.style_masks, *filter(None, single)]
        # Pillow keeps RGB in four bytes a pixel.
        return sum(each.width * each.height * (1 if each.mode == "L" else 4) for each in pictures)


def check_start(init: Init, given: bool) -> None:
    """Check that there is an ``init_image`` if, and only if, ``init`` is ``image``.

    Args:
        init: the parameter ``init``.
        given: whether there is an ``init_image``.

    Raises:
        InvalidPicture: there is none, or an unexpected one.
    """
    if (init is Init.IMAGE) != given:
        sent = "a picture" if given else "no picture"
        raise InvalidPicture(
            f"init is {init.value}, but {sent} was sent; send both init=image and a picture, or "
            "neither",
            "init_image",
        )
