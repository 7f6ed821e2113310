"""The jobs of one owner, newest first, a page at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.jobs.job import JobStatus
from core.runtime.redis import needs_redis
from core.store.keys import JOB_PREFIX, JOBS_QUEUED, owned_key
from core.store.scripts import pairs, script

if TYPE_CHECKING:
    from redis import Redis

#: The most jobs of one page.
MAX_PAGE = 100


@dataclass(frozen=True)
class Page:
    """Some jobs of a list."""

    #: The records, each with how many jobs are before it in the queue; None if it is not queued.
    jobs: tuple[tuple[Mapping[str, str], int | None], ...]
    #: Whether there are more behind the last of them.
    more: bool


class Listing:
    """Reads the lists that the scripts keep: one sorted set for each owner and status.

    Args:
        redis: a client with ``decode_responses=True``.
    """

    def __init__(self, redis: Redis) -> None:
        self._list = script(redis, "queries/list")

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
        keys = [owned_key(status, owner) for status in sorted(set(statuses))]
        found = self._list(keys=[JOBS_QUEUED, *keys], args=[behind or "", limit + 1, JOB_PREFIX])
        jobs = [(pairs(record), place) for record, place in found[:limit]]
        return Page(tuple(jobs), more=len(found) > limit)
