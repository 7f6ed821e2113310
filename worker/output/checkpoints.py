"""Checkpoints: saved states of a run, from which another worker can resume it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from itertools import chain
from typing import NamedTuple

from core.blobs.blobs import Blobs
from core.blobs.pieces import size_of
from core.errors import EaselError, ServiceUnavailable
from core.jobs.job import Job
from core.nst import VGG19, Pictures, Run, Step, stylize

_logger = logging.getLogger(__name__)

#: The largest share of a run's time that saving may take. Large pictures are saved less often.
_MAX_SHARE = 0.05


class Saved(NamedTuple):
    """A checkpoint in the blob store."""

    digest: str
    size_bytes: int


class Checkpoints:
    """Saves a run at intervals and deletes the checkpoints that are superseded.

    Args:
        blobs: where checkpoints are stored.
        interval_seconds: the time between two checkpoints; more where saving is slow.
        clock: returns monotonic seconds.
        job_id: the job. Checkpoints of equal jobs differ, because each deletes its own.
        resumed: the digest of the checkpoint that the run resumes from, if any.
    """

    def __init__(
        self,
        blobs: Blobs,
        interval_seconds: float,
        clock: Callable[[], float],
        job_id: str,
        resumed: str | None,
    ) -> None:
        self._blobs = blobs
        self._job_id = job_id
        self._resumed = resumed
        self._interval_seconds = interval_seconds
        self._clock = clock
        self._stored = {resumed} if resumed else set()
        self._due_at = clock() + interval_seconds

    def resume(
        self, pictures: Pictures, job: Job, network: VGG19, memory: int
    ) -> tuple[Run, Iterator[Step]]:
        """Resume the run of a job, or start it over if its checkpoint is unusable.

        Args:
            pictures, network, memory: as for :func:`core.nst.stylize.stylize`.
            job: the job as it was claimed.

        Returns:
            The run, and its steps.
        """
        if self._resumed is not None:
            try:
                # Pass the checkpoint without naming it: it is as large as the run itself, which
                # releases it after reading it.
                checkpoint = self._blobs.get(self._resumed)
                run = stylize(
                    pictures, job.params, network, resume=checkpoint, edits=job.edits, memory=memory
                )
                del checkpoint
                first = next(run)
            except (EaselError, LookupError, TypeError, ValueError) as error:
                # The checkpoint is damaged, or another version wrote it.
                extra = {"reason": str(error)}
                _logger.warning("checkpoint unusable; starting over", extra=extra)
            else:
                _logger.info("job resumed", extra={"step": first.step})
                return run, chain([first], run)
        run = stylize(pictures, job.params, network, edits=job.edits, memory=memory)
        return run, run

    def due(self) -> bool:
        """Return whether the next checkpoint should be saved now."""
        return self._clock() >= self._due_at

    def save(self, step: Step) -> Saved | None:
        """Store the state of the run; return None if it could not be stored."""
        started = self._clock()
        try:
            pieces = step.checkpoint_pieces(self._job_id)
            saved = Saved(self._blobs.put_pieces(pieces), size_of(pieces))
        except (OSError, ServiceUnavailable) as error:
            # The run itself does not need the checkpoint.
            _logger.warning("checkpoint not saved", extra={"reason": str(error)})
            return None
        finally:
            now = self._clock()
            self._due_at = now + max(self._interval_seconds, (now - started) / _MAX_SHARE)
        self._stored.add(saved.digest)
        return saved

    def keep_only(self, *digests: str | None) -> None:
        """Delete all checkpoints except these. What cannot be deleted is left to the cleaner."""
        for digest in self._stored - set(digests):
            try:
                self._blobs.delete(digest)
            except ServiceUnavailable as error:
                # The run itself does not need this, and the store may not allow it.
                _logger.warning("checkpoint left to the cleaner", extra={"reason": str(error)})
            self._stored.discard(digest)
