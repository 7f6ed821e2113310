"""Small pictures of a run on its way."""

from __future__ import annotations

import io
import logging
import queue
import threading
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as nn
from PIL import Image
from torch import Tensor

from core.errors import ServiceUnavailable, StaleAttempt
from core.jobs.job import Job
from core.pictures.encode import Encoded
from core.pictures.icc import srgb_profile
from core.store.previews import PREVIEW_SIDE, Previews

_logger = logging.getLogger(__name__)

#: From one preview to the next. Two seconds are promised; a step comes between.
INTERVAL_SECONDS = 1.0

#: Previews may take this part of the optimiser's time, if two seconds allow it.
_SHARE = 0.01
_LONGEST_SECONDS = 1.8

_QUALITY = 85


class Painter:
    """Shows the picture every second or two while a job runs.

    Making a picture small happens between two steps, on the device; the file is
    written and sent by a thread, so that no step waits for Redis.

    Args:
        previews: where they go.
        job: as it was claimed.
        clock: monotonic seconds.
    """

    def __init__(self, previews: Previews, job: Job, clock: Callable[[], float]) -> None:
        self._previews = previews
        self._job = job
        self._clock = clock
        self._due = clock()
        self._version = job.preview_version
        self._small: queue.SimpleQueue[Tensor | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._send, name="previews", daemon=True)

    def __enter__(self) -> Painter:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._small.put(None)
        self._thread.join(1.0)  # what it sends after that is refused

    def due(self) -> bool:
        """Whether it is time for the next one."""
        return self._clock() >= self._due

    def show(self, image: Tensor) -> None:
        """Have the picture shown: shape (1, 3, height, width), RGB in [0, 1]."""
        started = self._clock()
        self._small.put(shrink(image))
        now = self._clock()
        wanted = max(INTERVAL_SECONDS, (now - started) / _SHARE)
        self._due = started + min(wanted, _LONGEST_SECONDS)

    def _send(self) -> None:
        while (small := self._small.get()) is not None:
            self._version += 1
            try:
                self._previews.put(self._job, self._version, to_jpeg(small).data)
            except ServiceUnavailable as error:
                # A run without a preview is still a run.
                _logger.warning("preview not shown", extra={"reason": str(error)})
            except StaleAttempt:
                return  # the lease says so too


def shrink(image: Tensor) -> Tensor:
    """The picture at a preview's size, as bytes: shape (height, width, 3), on its device."""
    height, width = image.shape[-2:]
    longer = max(height, width)
    if longer > PREVIEW_SIDE:
        size = [max(1, round(side * PREVIEW_SIDE / longer)) for side in (height, width)]
        image = nn.interpolate(image.detach(), size, mode="bilinear", antialias=True)
    levels = (image.detach()[0].clamp(0, 1) * 255).round().to(torch.uint8)
    return levels.movedim(0, -1).contiguous()


def to_jpeg(small: Tensor) -> Encoded:
    """The file of a picture that :func:`shrink` has made."""
    buffer = io.BytesIO()
    picture = Image.fromarray(np.asarray(small.cpu()))
    picture.save(buffer, "JPEG", quality=_QUALITY, icc_profile=srgb_profile())
    return Encoded(buffer.getvalue(), "image/jpeg")


def thumbnail(image: Tensor) -> Encoded:
    """The preview of a finished picture: shape (1, 3, height, width), RGB in [0, 1]."""
    return to_jpeg(shrink(image))
