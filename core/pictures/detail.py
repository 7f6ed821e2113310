"""The detail map: a grey picture that says where the photograph's detail is kept.

White keeps the detail, black leaves the place to the painting, and mid-grey changes nothing.
"""

from __future__ import annotations

from core.errors import InvalidPicture

#: The grey level, 0 to 255, at which a detail map changes nothing.
NEUTRAL = 128


def in_proportion(size: tuple[int, int], other: tuple[int, int]) -> bool:
    """Return whether two pictures have the same proportions, to a pixel of the smaller one."""
    difference = abs(size[0] * other[1] - size[1] * other[0])
    return difference <= max(*size, *other)


def check_proportions(
    field: str, size: tuple[int, int], content: str, content_size: tuple[int, int]
) -> None:
    """Check that a detail map has the proportions of the content.

    Args:
        field: the form field or the path of the map, for the error.
        size: width and height of the map, upright.
        content: the form field or the path of the content, for the error.
        content_size: width and height of the content, upright.

    Raises:
        InvalidPicture: the map has other proportions.
    """
    if not in_proportion(size, content_size):
        (width, height), (content_width, content_height) = size, content_size
        raise InvalidPicture(
            f"is {width}x{height} pixels upright, which is not in proportion to the {content} of "
            f"{content_width}x{content_height}; draw the map on the picture itself, at any scale",
            field,
        )
