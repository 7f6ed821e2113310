"""Reduced pictures: previews of a running job; copies of a result and its content for screens."""

from __future__ import annotations

import io
import logging
import math
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
from core.params import PictureFormat
from core.pictures.encode import Encoded, encode
from core.pictures.icc import srgb_profile
from core.store.previews import PREVIEW_SIDE, Previews

_logger = logging.getLogger(__name__)

#: The time between two previews. The API promises two seconds; a step may come between.
INTERVAL_SECONDS = 1.0

#: The share of the run's time that previews may take, as far as the two seconds allow.
_MAX_SHARE = 0.01
_MAX_INTERVAL_SECONDS = 1.8

#: For a while after a change of the parameters, previews come faster and take a larger share.
_HURRY_SECONDS = 3.0
_HURRIED_SECONDS = 0.25
_MAX_HURRIED_SHARE = 0.1

_QUALITY = 85
_DISPLAY_QUALITY = 90


class PreviewSender:
    """Sends a preview every second or two while a job runs, and when a scale is done.

    The picture is shrunk between two steps, on the device, and copied from it. A thread encodes
    and sends it, so that no step waits for Redis. The thread does not touch the device, on which a
    step may be being recorded.

    Args:
        previews: where previews are stored.
        job: the job as it was claimed.
        clock: returns monotonic seconds.
    """

    def __init__(self, previews: Previews, job: Job, clock: Callable[[], float]) -> None:
        self._previews = previews
        self._job = job
        self._clock = clock
        self._due_at = clock()
        self._hurry_until = -math.inf
        #: The scale of the step after the last preview.
        self._next_scale = 0
        self._version = job.preview_version
        self._shrunk: queue.Queue[Tensor | None] = queue.Queue()
        self._thread = threading.Thread(target=self._send_all, name="previews", daemon=True)

    def __enter__(self) -> PreviewSender:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._shrunk.put(None)
        self._thread.join(1.0)  # the store refuses what the thread sends later

    def due(self, next_scale: int) -> bool:
        """Return whether a preview should be sent now.

        Args:
            next_scale: the scale of the next step, counted from 0. Another one than before means
                that a scale is done.
        """
        return self._clock() >= self._due_at or next_scale != self._next_scale

    def hurry(self, seconds: float = _HURRY_SECONDS) -> None:
        """Send the next preview at once, and further ones soon, because the caller waits."""
        self._due_at = self._clock()
        self._hurry_until = self._due_at + seconds

    def wait(self) -> None:
        """Wait until all previews have been sent, or could not be."""
        self._shrunk.join()

    def send(self, image: Tensor, next_scale: int) -> None:
        """Send a preview of the picture.

        Args:
            image: RGB in [0, 1], of shape (1, 3, height, width).
            next_scale: see :meth:`due`.
        """
        started = self._clock()
        self._next_scale = next_scale
        self._shrunk.put(shrink(image).cpu())
        elapsed = self._clock() - started
        interval = min(max(INTERVAL_SECONDS, elapsed / _MAX_SHARE), _MAX_INTERVAL_SECONDS)
        if started < self._hurry_until:
            interval = max(_HURRIED_SECONDS, elapsed / _MAX_HURRIED_SHARE)
        self._due_at = started + interval

    def _send_all(self) -> None:
        owned = True
        while (shrunk := self._shrunk.get()) is not None:
            try:
                if owned:
                    self._send(shrunk)
            except StaleAttempt:
                owned = False  # the lease reports it
            except Exception:
                _logger.exception("preview not sent")
            finally:
                self._shrunk.task_done()

    def _send(self, shrunk: Tensor) -> None:
        self._version += 1
        try:
            self._previews.put(self._job, self._version, to_jpeg(shrunk).data)
        except ServiceUnavailable as error:
            # The run itself does not need the preview.
            _logger.warning("preview not sent", extra={"reason": str(error)})


def shrink(image: Tensor) -> Tensor:
    """Return the picture at the size of a preview, on its device.

    Args:
        image: RGB in [0, 1], of shape (1, 3, height, width).

    Returns:
        Unsigned bytes, of shape (height, width, 3).
    """
    pixels = (_fitted(image, PREVIEW_SIDE)[0].clamp(0, 1) * 255).round().to(torch.uint8)
    return pixels.movedim(0, -1).contiguous()


def to_jpeg(shrunk: Tensor) -> Encoded:
    """Encode a picture that :func:`shrink` returned."""
    buffer = io.BytesIO()
    picture = Image.fromarray(np.asarray(shrunk.cpu()))
    picture.save(buffer, "JPEG", quality=_QUALITY, icc_profile=srgb_profile())
    return Encoded(buffer.getvalue(), "image/jpeg")


def thumbnail(image: Tensor) -> Encoded:
    """Return the preview of a finished picture.

    Args:
        image: RGB in [0, 1], of shape (1, 3, height, width).
    """
    return to_jpeg(shrink(image))


def copies_of(
    image: Tensor, alpha: Image.Image | None, result_format: PictureFormat, side: int
) -> dict[str, Encoded]:
    """Return the reduced copies of a result, by the fields of the job record.

    Args:
        image: the result: RGB in [0, 1], of shape (1, 3, height, width).
        alpha: as in ``core.pictures.encode.encode``.
        result_format: the format of the result.
        side: the longest side of a result that pages show as it is, in pixels.

    Returns:
        The ``preview``. If pages cannot show the result, also its ``display``, of at most that
        side: a JPEG, or a WebP if the result is transparent.
    """
    copies = {"preview": thumbnail(image)}
    if max(image.shape[-2:]) > side or not result_format.displayable:
        transparent = alpha is not None and result_format.has_alpha
        copy_format = PictureFormat.WEBP if transparent else PictureFormat.JPEG
        pixels = _fitted(image, side)[0].permute(1, 2, 0).cpu().numpy()
        copies["display"] = encode(pixels, alpha, copy_format, _DISPLAY_QUALITY)
    return copies


def content_copy(content: Image.Image, side: int) -> Encoded:
    """Return a JPEG of the content without metadata, which may say where a photograph was taken.

    Args:
        content: mode ``RGB``, in sRGB.
        side: the most pixels of its longer side.
    """
    scale = min(1.0, side / max(content.size))
    size = [max(1, round(each * scale)) for each in content.size]
    copy = content.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    buffer = io.BytesIO()
    copy.save(buffer, "JPEG", quality=_QUALITY, icc_profile=srgb_profile())
    return Encoded(buffer.getvalue(), "image/jpeg")


def _fitted(image: Tensor, side: int) -> Tensor:
    """Return the picture, shrunk to a longest side if it is larger."""
    image = image.detach()
    height, width = image.shape[-2:]
    longer = max(height, width)
    if longer <= side:
        return image
    size = [max(1, round(each * side / longer)) for each in (height, width)]
    return nn.interpolate(image, size, mode="bilinear", antialias=True)
