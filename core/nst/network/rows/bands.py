"""A tensor in bands of rows, which are freed one by one."""

from __future__ import annotations

from collections import deque

import torch
from torch import Tensor


class Bands:
    """A tensor of shape (1, C, H, W) that is written from the top to the bottom.

    A large one is never in memory twice: the bands that have been used are freed while those of
    the next tensor are made.
    """

    def __init__(self) -> None:
        #: Each with its first row.
        self._bands: deque[tuple[int, Tensor]] = deque()
        self.height = 0

    @property
    def dtype(self) -> torch.dtype:
        """The number format of all bands."""
        return self._bands[0][1].dtype

    def append(self, band: Tensor) -> None:
        """Add rows below the others: shape (1, C, rows, W)."""
        self._bands.append((self.height, band))
        self.height += band.shape[2]

    def rows(self, rows: slice) -> Tensor:
        """Return some rows: a view of a band, or a copy if they are in several.

        Args:
            rows: none of them freed.
        """
        found = [
            band[:, :, max(0, rows.start - start) : rows.stop - start]
            for start, band in self._bands
            if start < rows.stop and start + band.shape[2] > rows.start
        ]
        return found[0] if len(found) == 1 else torch.cat(found, 2)

    def free_above(self, row: int) -> None:
        """Free the bands that end at a row or above it."""
        while self._bands and self._bands[0][0] + self._bands[0][1].shape[2] <= row:
            self._bands.popleft()

    def to(self, dtype: torch.dtype) -> Bands:
        """Return the same in another number format; this one is used up."""
        converted = Bands()
        while self._bands:
            converted.append(self._bands.popleft()[1].to(dtype))
        return converted

    def mean_square(self) -> float:
        """Return mean(x^2), without a tensor of the squares."""
        squares = sum(float(torch.linalg.vector_norm(band)) ** 2 for _, band in self._bands)
        return squares / sum(band.numel() for _, band in self._bands)

    def whole(self) -> Tensor:
        """Return all rows. None may have been freed."""
        return self.rows(slice(0, self.height))
