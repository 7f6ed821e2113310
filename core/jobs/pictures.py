"""What is known of the pictures of a job before it runs, from which its costs follow."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class JobPictures:
    """The pictures of a job, by their sizes."""

    #: The pixels of the content at the requested size, and of each style picture.
    content: int
    styles: tuple[int, ...]
    #: The regions of the masks; 0 without masks.
    regions: int = 0
    #: Whether there is a detail map.
    detail_map: bool = False
    #: The memory that the files take once they are decoded; 0 if it is not known.
    decoded_bytes: int = 0

    @property
    def largest(self) -> int:
        """The pixels of the largest picture, at the requested size."""
        return max(self.content, *self.styles)

    @classmethod
    def square(cls, size: int) -> JobPictures:
        """Return a content and a style picture whose sides are ``size`` pixels."""
        return cls(size * size, (size * size,))
