"""The pictures of a job, and of the next one while the current job still runs."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

from core.blobs.blobs import Blobs
from core.errors import EaselError, JobNotFound, NewerRecord
from core.jobs.job import Job
from core.jobs.workers import Capacity
from core.nst import Pictures
from core.pictures.uploads import Uploads
from core.runtime.resources import memory_available
from core.runtime.ticker import Ticker
from core.store.jobs import JobStore

#: The time between two looks at the queue.
_POLL_SECONDS = 0.25

#: The number of jobs whose pictures are kept.
_MAX_PREFETCHED = 2

#: Prefetched pictures take at most this part of the host's free memory: 1 / 4.
_PART = 4


@dataclass(frozen=True)
class PictureLoader:
    """Loads the pictures of a job from the blob store."""

    blobs: Blobs
    #: The limit that uploads were accepted with.
    max_pixels: int

    def load(self, job: Job) -> Pictures:
        """Fetch the job's files and decode them.

        Raises:
            EaselError: a file is missing or cannot be decoded.
        """
        return Uploads.fetch(job.inputs, self.blobs.get).load(self.max_pixels)


class Prefetcher:
    """Decodes the pictures of the job that probably comes next, in a thread.

    Without it, a GPU is idle between two jobs while pictures are decoded. If another worker takes
    the next job, or a more urgent job arrives, the decoded pictures are dropped.

    Args:
        store: the job records.
        loader: loads the pictures of a job.
        capacity: returns which jobs the worker can run.
        room: returns how many bytes of the host's memory prefetched pictures may take. Others are
            decoded again when their job starts.
    """

    def __init__(
        self,
        store: JobStore,
        loader: PictureLoader,
        capacity: Callable[[], Capacity] = Capacity,
        room: Callable[[], int] = lambda: memory_available() // _PART,
    ) -> None:
        self._store = store
        self._loader = loader
        self._capacity = capacity
        self._room = room
        #: By job id, the last two: once this worker has claimed the first job, the second one is
        #: prefetched, possibly before the first job has asked for its pictures.
        self._prefetched: dict[str, Future[Pictures]] = {}
        count_error = store.background_errors.add
        self._ticker = Ticker("prefetch", _POLL_SECONDS, self.prefetch, count_error)

    def start(self) -> None:
        """Start the thread."""
        self._ticker.start()

    def stop(self) -> None:
        """Stop prefetching."""
        self._ticker.stop()

    def prefetch(self) -> None:
        """Decode the pictures of the next job, unless that has been done.

        Raises:
            ServiceUnavailable: Redis or the blob store could not be reached.
        """
        job_id = self._store.next_job(self._capacity())
        if job_id is None or job_id in self._prefetched:
            return
        try:
            job = self._store.get(job_id)
        except (JobNotFound, NewerRecord):
            return
        future = self._prefetched[job_id] = Future[Pictures]()
        for older in list(self._prefetched)[:-_MAX_PREFETCHED]:
            self._prefetched.pop(older, None)  # its job may just have started
        try:
            pictures = self._loader.load(job)
            if self._held_bytes() + pictures.size_bytes <= self._room():
                future.set_result(pictures)
        except EaselError as error:
            future.set_exception(error)
        finally:
            # Nor may a job wait for them after any other error, or if there is no room.
            if not future.done():
                future.set_exception(RuntimeError("the pictures were not prefetched"))

    def _held_bytes(self) -> int:
        decoded = [each for each in list(self._prefetched.values()) if each.done()]
        return sum(each.result().size_bytes for each in decoded if each.exception() is None)

    def load(self, job: Job) -> Pictures:
        """Return the pictures of a job, waiting for them if they are being prefetched.

        Raises:
            EaselError: see :meth:`PictureLoader.load`.
        """
        future = self._prefetched.pop(job.id, None)
        if future is None or future.exception() is not None:
            return self._loader.load(job)  # the error may have been temporary
        return future.result()
