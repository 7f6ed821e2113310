"""The pictures of the next job, decoded while the one at hand is painted."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass

from core.blobs.blobs import Blobs
from core.errors import EaselError, JobNotFound, NewerRecord
from core.jobs.job import Job
from core.nst import Pictures
from core.pictures.inputs import Uploads
from core.queue.app import Messages
from core.runtime.ticker import Ticker
from core.store.jobs import JobStore

#: How often to look at the queue.
_LOOK_SECONDS = 0.25

#: How many jobs' pictures are kept.
_GUESSES = 2


@dataclass(frozen=True)
class Loader:
    """Gives the pictures of a job."""

    blobs: Blobs
    #: The bound that uploads were accepted with.
    max_pixels: int

    def load(self, job: Job) -> Pictures:
        """Fetch its files, and decode them.

        Raises:
            EaselError: one is not there, or cannot be read.
        """
        return Uploads.fetch(job.inputs, self.blobs.get).load(self.max_pixels)


class Ahead:
    """Guesses which job comes next, and decodes its pictures in a thread.

    A GPU would wait for that between two jobs. The guess is the first message in the queue,
    and nothing is taken by it: where another worker is free sooner, the work was for nothing.

    Args:
        messages: of the queue.
        store: has the records.
        loader: gives the pictures.
    """

    def __init__(self, messages: Messages, store: JobStore, loader: Loader) -> None:
        self._messages = messages
        self._store = store
        self._loader = loader
        #: By job, the last two: when the first message has come to this worker, the second is
        #: guessed, maybe before the job of the first is begun.
        self._guesses: dict[str, Future[Pictures]] = {}
        self._ticker = Ticker("ahead", _LOOK_SECONDS, self.look)

    def start(self) -> None:
        """Begin to guess."""
        self._ticker.start()

    def stop(self) -> None:
        """Guess no more."""
        self._ticker.stop()

    def look(self) -> None:
        """See what comes next, and decode its pictures unless that was done.

        Raises:
            ServiceUnavailable: Redis or the pictures could not be reached.
        """
        job_id = self._messages.next()
        if job_id is None or job_id in self._guesses:
            return
        try:
            job = self._store.get(job_id)
        except (JobNotFound, NewerRecord):
            return
        guess = self._guesses[job_id] = Future[Pictures]()
        for older in list(self._guesses)[:-_GUESSES]:
            self._guesses.pop(older, None)  # unless its job was begun just now
        try:
            guess.set_result(self._loader.load(job))
        except EaselError as error:
            guess.set_exception(error)
        finally:
            if not guess.done():  # of whatever this thread ends: nobody may wait for it
                guess.set_exception(RuntimeError("the pictures were not decoded ahead"))

    def load(self, job: Job) -> Pictures:
        """The pictures of a job: those at hand, or just being decoded, if it was guessed.

        Raises:
            EaselError: as :meth:`Loader.load`.
        """
        guess = self._guesses.pop(job.id, None)
        if guess is None or guess.exception() is not None:
            return self._loader.load(job)  # what is wrong may be right by now; or the job is told
        return guess.result()
