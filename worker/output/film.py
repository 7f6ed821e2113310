"""The frames of a job's film: small pictures, at even distances of the work."""

from __future__ import annotations

import math
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

from torch import Tensor

from core.pictures.encode import Encoded
from core.pictures.film import FRAMES_TYPE, pack_frames
from worker.output.previews import shrink, to_jpeg


class Film:
    """Keeps pictures of a run, which a thread encodes, so that no step waits for it.

    An attempt that resumes a run has no frames of the attempts before.

    Args:
        count: how many pictures are kept at most, besides the result; 0 for no film.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._frames: list[Future[Encoded]] = []
        self._next = 0.0
        self._encoder = ThreadPoolExecutor(1, "film")

    def __enter__(self) -> Film:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._encoder.shutdown(wait=False, cancel_futures=kind is not None)

    def due(self, fraction: float) -> bool:
        """Return whether a picture should be kept now.

        Args:
            fraction: the fraction of the whole work that is done, 0 to 1.
        """
        return self._count > 0 and self._next <= fraction < 1

    def add(self, image: Tensor, fraction: float) -> None:
        """Keep a picture.

        Args:
            image: RGB in [0, 1], of shape (1, 3, height, width).
            fraction: see :meth:`due`.
        """
        self._next = (math.floor(fraction * self._count) + 1) / self._count
        self._frames.append(self._encoder.submit(to_jpeg, shrink(image).cpu()))

    def frames(self, last: Encoded) -> dict[str, Encoded]:
        """Return the file of the frames as ``film``, or nothing without a film.

        Args:
            last: the preview of the result.
        """
        if not self._count:
            return {}
        pictures = [*(each.result() for each in self._frames), last]
        return {"film": Encoded(pack_frames([each.data for each in pictures]), FRAMES_TYPE)}
