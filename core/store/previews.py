"""The newest picture of a running job, for its caller to look at.

It is kept in Redis, where every api sees it at once, and is written over again and
again. The preview of a finished picture is a blob like the picture itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.errors import StaleAttempt
from core.jobs.job import Job
from core.runtime.redis import needs_redis
from core.store.keys import job_key, preview_key
from core.store.scripts import script

if TYPE_CHECKING:
    from redis import Redis

#: The longer side of a preview, at most.
PREVIEW_SIDE = 512

#: For how long the last preview stays of a job that ended without a result.
KEPT_SECONDS = 3600


class Previews:
    """Writes previews.

    Args:
        redis: a client; replies may be decoded or not.
    """

    def __init__(self, redis: Redis) -> None:
        self._script = script(redis, "lib/tell", "jobs/preview")

    @needs_redis
    def put(self, job: Job, version: int, jpeg: bytes) -> None:
        """Keep a preview in place of the one before, and tell of it.

        Args:
            job: as it was claimed.
            version: one more than that of the one before.
            jpeg: the file.

        Raises:
            StaleAttempt: the attempt no longer owns the job.
        """
        answer = self._script(
            keys=[job_key(job.id), preview_key(job.id)],
            args=[job.id, job.attempt, version, jpeg, KEPT_SECONDS],
        )
        if answer is None:
            raise StaleAttempt(f"attempt {job.attempt} no longer owns job {job.id}")
