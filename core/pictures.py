"""The pictures of one job, as the optimiser takes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image


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
