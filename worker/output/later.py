"""The end of a job, which a GPU need not wait for: encoding and storing its result."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context

from core.errors import StaleAttempt
from core.jobs.job import Job
from core.runtime.tracing import job_span

_logger = logging.getLogger(__name__)

#: The largest size of a job that is finished later. A larger picture takes so long that a worker
#: that is told to stop could not wait for it, and painting takes far longer anyway.
_MOST_SIZE = 2048


class Later:
    """Finishes one job in a thread while the next one is painted.

    The job keeps its lease until then. The work does not use the device.
    """

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1, "finish")
        self._end: Future[None] | None = None
        self._job: Job | None = None

    @property
    def job(self) -> Job | None:
        """The job that is being finished."""
        return self._job

    def takes(self, job: Job) -> bool:
        """Return whether a job is finished here, or is too large."""
        return job.params.size <= _MOST_SIZE

    def start(self, job: Job, finish: Callable[[], None]) -> None:
        """Finish a job in the thread. Call :meth:`wait` before.

        Args:
            job: the job.
            finish: takes it to its final state.
        """
        self._job = job
        self._end = self._executor.submit(copy_context().run, self._finish, job, finish)

    def check(self) -> None:
        """Raise the error of the last job if it has ended with one; do not wait for it."""
        if self._end is not None and self._end.done():
            self.wait()

    def wait(self) -> None:
        """Wait until no job is being finished.

        Raises:
            RedisUnavailable: Redis stayed unreachable for too long; the job will be requeued.
        """
        end, self._end = self._end, None
        if end is not None:
            end.result()

    def _finish(self, job: Job, finish: Callable[[], None]) -> None:
        span = job_span(
            "finish", traceparent=job.traceparent, job_id=job.id, request_id=job.request_id
        )
        try:
            with span:
                finish()
        except StaleAttempt:
            _logger.warning("job abandoned: another attempt owns it")
        finally:
            self._job = None
