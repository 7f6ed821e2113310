"""Lists of one owner's jobs, newest first, in pages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.jobs.status import JobStatus
from core.runtime.redis import needs_redis
from core.store.scripts import script
from core.store.serialization import pairs

if TYPE_CHECKING:
    from redis import Redis

#: The maximum number of jobs in a page.
MAX_PAGE = 100


@dataclass(frozen=True)
class Page:
    """One page of a list."""

    #: The job records, each with its position in the queue; None if it is not queued.
    jobs: tuple[tuple[Mapping[str, str], int | None], ...]
    #: Whether more jobs follow the last one.
    more: bool


class Listing:
    """Reads the indexes of each owner's jobs by status.

    Args:
        redis: a client with ``decode_responses=True``.
    """

    def __init__(self, redis: Redis) -> None:
        self._list = script(redis, "queries/list_jobs")

    @needs_redis
    def page(
        self,
        owner: str,
        statuses: Iterable[JobStatus] = tuple(JobStatus),
        limit: int = MAX_PAGE,
        after: str | None = None,
        error_code: str | None = None,
        batch: str | None = None,
        *,
        drafts: bool = False,
    ) -> Page:
        """Return an owner's jobs, newest first.

        Args:
            owner: the owner.
            statuses: only jobs with one of these statuses.
            limit: the maximum number of jobs.
            after: the id of the job to begin after. The job need not exist any more.
            error_code: only failed jobs with this error code, if their status is one of these.
            batch: only the jobs of this batch.
            drafts: drafts, in place of all other jobs.
        """
        wanted = sorted(set(statuses))
        if error_code is not None:
            wanted = [each for each in wanted if each is JobStatus.FAILED]
        args: list[str | int] = [owner, after or "", limit + 1]
        args += [error_code or "", batch or "", int(drafts), *wanted]
        reply = self._list(args=args)
        jobs = [(pairs(record), position) for record, position in reply[:limit]]
        return Page(tuple(jobs), more=len(reply) > limit)
