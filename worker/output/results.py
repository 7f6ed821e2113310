"""Encoding and storing of results."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from PIL import Image
from torch import Tensor

from core.blobs.blobs import Blobs
from core.errors import BlobCorrupt, BlobNotFound, JobNotFound, StaleAttempt
from core.jobs.job import Job, Metrics, Picture, Progress
from core.jobs.status import JobStatus
from core.nst.network.pixels import to_pixels
from core.params import StyleParams
from core.pictures.bundle import Pictures
from core.pictures.encode import Encoded, encode
from core.store.jobs import JobStore
from worker.output.film import Film
from worker.output.previews import content_copy, copies_of

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Painted:
    """A painted picture, with what goes into its files. Nothing of it is on the device."""

    #: RGB in [0, 1], of shape (1, 3, height, width).
    image: Tensor
    #: As in ``core.pictures.encode.encode``.
    alpha: Image.Image | None
    content_display: Encoded
    params: StyleParams
    xmp: bytes | None
    film: Film
    #: The longest side of a result that pages show as it is, in pixels.
    display_side: int

    @classmethod
    def of(
        cls,
        image: Tensor,
        pictures: Pictures,
        params: StyleParams,
        xmp: bytes | None,
        film: Film,
        display_side: int,
    ) -> Painted:
        """Return a painted picture, which keeps of the job's pictures only what it needs."""
        content = content_copy(pictures.content, min(max(image.shape[-2:]), display_side))
        return cls(image, pictures.alpha, content, params, xmp, film, display_side)

    def files(self) -> dict[str, Encoded]:
        """Return the encoded copies, the film and at last the result, by their fields."""
        params = self.params
        files = copies_of(self.image, self.alpha, params.format, self.display_side)
        files["content_display"] = self.content_display
        files |= self.film.frames(files["preview"])
        pixels = to_pixels(self.image)
        files["result"] = encode(pixels, self.alpha, params.format, params.quality, self.xmp)
        return files


class Results:
    """Stores the results of jobs and their previews, and ends the jobs.

    Args:
        store: the job records.
        blobs: the files.
    """

    def __init__(self, store: JobStore, blobs: Blobs) -> None:
        self._store = store
        self._blobs = blobs

    def succeed(
        self, job: Job, painted: Painted, progress: Progress, metrics: Metrics
    ) -> JobStatus:
        """Encode and store a result and its copies; mark the job as succeeded.

        Raises:
            StaleAttempt: the attempt no longer owns the job.
        """
        files = painted.files()
        _logger.info("picture finished")
        pictures = {name: file.picture for name, file in files.items()}
        digests = [picture.sha256 for picture in pictures.values()]
        # The job holds the files before they are written, so that no sweep removes them. Waits
        # for a sweep that is removing the same bytes.
        self._store.holds.hold(job.id, digests)
        try:
            # First the result's description, then its file, then the status. If this worker
            # dies in between, the next attempt finds the file by its description. The status
            # never promises a file that is not stored.
            self._store.renew(job, progress=progress, metrics=metrics, **pictures)
            for file in files.values():
                self._blobs.put(file.data, file.picture.sha256)
            return self._store.succeed(job, progress=progress, metrics=metrics, **pictures)
        except StaleAttempt:
            # If the job was deleted, nothing needs the files. If not, another attempt may.
            holder = job.id if self.is_deleted(job) else ""
            self._store.holds.release(self._blobs, digests, job_id=holder)
            raise

    def succeed_with_stored(self, job: Job) -> JobStatus | None:
        """Mark a job as succeeded if an earlier attempt has stored its result.

        Raises:
            StaleAttempt: the attempt no longer owns the job.
        """
        if not (job.result and job.progress and job.metrics and self._is_stored(job.result)):
            return None
        _logger.info("result found: an earlier attempt had stored it")
        return self._store.succeed(
            job,
            job.result,
            job.progress,
            job.metrics,
            job.preview,
            job.display,
            job.content_display,
            job.film,
        )

    def is_deleted(self, job: Job) -> bool:
        """Return whether the record of a job was removed."""
        try:
            self._store.get(job.id)
        except JobNotFound:
            return True
        return False

    def _is_stored(self, picture: Picture) -> bool:
        try:
            self._blobs.open(picture.sha256).close()  # reads all of it
            return True
        except (BlobNotFound, BlobCorrupt):
            return False
