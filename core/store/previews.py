"""The newest preview of a running job.

A preview is a key in Redis, which every api process sees at once and which each later preview
overwrites. The preview of a result is a blob like the result itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.jobs.job import Job
from core.runtime.redis import needs_redis
from core.store.keys import job_key, preview_key
from core.store.leases import check_owner
from core.store.scripts import script

if TYPE_CHECKING:
    from redis import Redis

#: The maximum of the longer side of a preview, in pixels.
PREVIEW_SIDE = 512

#: How long the last preview of a job without a result is kept.
KEPT_SECONDS = 3600


class Previews:
    """Writes previews.

    Args:
        redis: a client, with or without ``decode_responses``.
    """

    def __init__(self, redis: Redis) -> None:
        self._put = script(redis, "jobs/put_preview")

    @needs_redis
    def put(self, job: Job, version: int, jpeg: bytes) -> None:
        """Replace the preview of a job and emit an event.

        Args:
            job: the job as it was claimed.
            version: the version of the previous preview plus one; the first is 1.
            jpeg: the preview, a JPEG file.

        Raises:
            StaleAttempt: the attempt no longer owns the job.
        """
        reply = self._put(
            keys=[job_key(job.id), preview_key(job.id)],
            args=[job.id, job.lease_owner, version, jpeg, KEPT_SECONDS],
        )
        check_owner(job, reply)
