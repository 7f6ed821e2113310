"""The jobs of one owner, newest first, a page at a time."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.connections import needs_redis
from core.errors import FieldError, InvalidRequest
from core.jobs import Job, JobStatus, is_job_id
from core.records import JOB_KEY, JOBS_QUEUED, listed_key, read_job, script

if TYPE_CHECKING:
    from redis import Redis

#: The most jobs of one page.
MAX_PAGE = 100


@dataclass(frozen=True)
class Page:
    """Some jobs of a list."""

    #: Each with how many jobs are before it in the queue; None if it is not queued.
    jobs: tuple[tuple[Job, int | None], ...]
    #: Whether there are more behind the last of them.
    more: bool


class Listing:
    """Reads the lists that the scripts keep: one sorted set for each owner and status.

    Args:
        redis: a client with ``decode_responses=True``.
    """

    def __init__(self, redis: Redis) -> None:
        self._list = script(redis, "list")

    @needs_redis
    def page(
        self,
        owner: str,
        statuses: Iterable[JobStatus] = tuple(JobStatus),
        limit: int = MAX_PAGE,
        behind: str | None = None,
    ) -> Page:
        """Jobs in one of the states, newest first.

        Args:
            owner: whose.
            statuses: the states.
            limit: how many at most.
            behind: the job behind which to begin; it need not be there any more.
        """
        keys = [listed_key(status, owner) for status in sorted(set(statuses))]
        found = self._list(keys=[JOBS_QUEUED, *keys], args=[behind or "", limit + 1, JOB_KEY])
        jobs = [(read_job(record), place) for record, place in found[:limit]]
        return Page(tuple(jobs), more=len(found) > limit)


def cursor_of(job_id: str) -> str:
    """What a caller sends back to go on behind that job."""
    return base64.urlsafe_b64encode(job_id.encode()).decode().rstrip("=")


def read_cursor(cursor: str) -> str:
    """The job that a cursor stands for.

    Raises:
        InvalidRequest: it is none of ours.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        job_id = base64.b64decode(padded, altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, UnicodeError, ValueError):
        job_id = ""
    if not is_job_id(job_id):
        raise InvalidRequest(
            [FieldError("cursor", f"{cursor!r} is no `next_cursor` of a list of jobs")]
        )
    return job_id
