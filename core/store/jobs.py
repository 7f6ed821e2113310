"""Job records in Redis.

A record is a hash. Only the Lua scripts in ``core/store/lua`` change it. Each script checks
the status that it expects, writes, and updates the indexes, in one atomic step. All times
come from the server's clock, so the clocks of the hosts need not agree.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, cast

from core.errors import DeliveryNotFound, IdempotencyKeyReused, JobFinished, JobNotFound
from core.jobs.admission import Admission, Load
from core.jobs.idempotency import KEY_LIFETIME, IdempotencyKey
from core.jobs.job import RETENTION, Inputs, Job, is_job_id, new_job_id
from core.jobs.schema_version import SCHEMA, SCHEMA_VERSION
from core.jobs.waiting.turns import Priority
from core.params import StyleParams
from core.params.edits import Edits, dump_edits
from core.runtime.redis import needs_redis
from core.store.batches import BatchStore
from core.store.holds import Holds
from core.store.keys import (
    QUEUE_PAUSED,
    delivery_record_key,
    idempotency_key,
    job_key,
    losses_key,
)
from core.store.leases import Leases
from core.store.link_signing import LinkSigner
from core.store.listing import Listing
from core.store.scripts import script
from core.store.serialization import flatten, parse_job, parse_load, read_job
from core.store.statistics import BackgroundErrors
from core.webhooks.webhook import Delivery, WebhookEvent, delivery_id

if TYPE_CHECKING:
    from redis import Redis

_UNLIMITED = Admission(caller="anonymous", max_queue=10**9, max_jobs_per_caller=10**9)


class JobStore(Leases):
    """Creates, reads, cancels and deletes jobs, and makes the changes of :class:`Leases`.

    Args:
        redis: a client with ``decode_responses=True``.
        lease_seconds: how long a claimed job stays claimed without being renewed.
        retention: how long the files of the jobs that it creates are kept after their end.
    """

    def __init__(
        self, redis: Redis, lease_seconds: float = 8, *, retention: timedelta = RETENTION
    ) -> None:
        super().__init__(redis, lease_seconds)
        self._redis = redis
        self._retention = retention
        self._load = script(redis, "queries/load")
        self._position_of_new = script(redis, "queries/position_of_new")
        self._create = script(redis, "jobs/create")
        self._find_replay = script(redis, "jobs/find_replay")
        self._discard = script(redis, "jobs/discard")
        self._edit = script(redis, "jobs/edit")
        self._keep_draft = script(redis, "drafts/keep")
        self._cancel = script(redis, "jobs/cancel")
        self._delete = script(redis, "jobs/delete")
        self._redeliver = script(redis, "outbox/redeliver")
        self.batches = BatchStore(redis, retention)
        self.holds = Holds(redis)
        self.links = LinkSigner(redis)
        self.listing = Listing(redis)
        self.background_errors = BackgroundErrors(redis)

    @needs_redis
    def load(self, caller: str, max_jobs: int = _UNLIMITED.max_jobs_per_caller) -> Load:
        """Return the load of the service, and the caller's share of it.

        Args:
            caller: the identity that limits apply to.
            max_jobs: the caller's limit. From there on every job of the caller is checked.
        """
        return parse_load(self._load(args=[caller, max_jobs]))

    @needs_redis
    def pause_queue(self) -> None:
        """Start no more jobs. Running jobs go on, and new ones are accepted."""
        self._redis.set(QUEUE_PAUSED, self._redis.time()[0], nx=True)

    @needs_redis
    def resume_queue(self) -> None:
        """Start jobs again, within the time between two sweeps of the reaper."""
        self._redis.delete(QUEUE_PAUSED)

    @needs_redis
    def paused_since(self) -> datetime | None:
        """Return since when the queue is paused, or None."""
        since = cast("str | None", self._redis.get(QUEUE_PAUSED))
        return None if since is None else datetime.fromtimestamp(float(since), UTC)

    @needs_redis
    def position_of_new(self, caller: str, priority: Priority) -> int:
        """Return how many queued jobs would go before a new job of a caller."""
        return cast(int, self._position_of_new(args=[caller, priority]))

    @needs_redis
    def create(
        self,
        params: StyleParams,
        inputs: Inputs,
        admission: Admission = _UNLIMITED,
        *,
        job_id: str | None = None,
        key: IdempotencyKey | None = None,
        **more: str,
    ) -> Job:
        """Create a queued job. Its pictures must be in the blob store already.

        Args:
            params: the parameters.
            inputs: the pictures.
            admission: the caller and the limits.
            job_id: the id under which the pictures are held; a new one by default.
            key: the idempotency key of the request.
            more: further fields of the record.

        Returns:
            The new job; or the job that an earlier request with the same key created, which
            has another id.

        Raises:
            QueueFull, TooManyJobs, StorageQuotaExceeded: the job exceeds a limit of the admission.
            IdempotencyKeyReused: the key was used for another request.
        """
        job_id = job_id or new_job_id()
        fields = {
            "id": job_id,
            SCHEMA: SCHEMA_VERSION,
            "owner": admission.owner,
            "params": params.model_dump_json(),
            "inputs": inputs.model_dump_json(),
            "retention_seconds": self._retention.total_seconds(),
            **more,
        }
        limits = (
            admission.max_queue,
            admission.max_jobs_per_caller,
            admission.max_stored_bytes_per_caller,
            inputs.size_bytes,
        )
        request = (key.request_hash if key else "", int(KEY_LIFETIME.total_seconds()))
        load, record, outcome = self._create(
            keys=[job_key(job_id), *([idempotency_key(key.digest)] if key else [])],
            args=[job_id, admission.caller, *limits, *request, *flatten(fields)],
        )
        if outcome == "different":
            raise IdempotencyKeyReused
        if record is None:
            admission.check_load(parse_load(load), inputs.size_bytes)
            raise AssertionError(f"create.lua refuses {load}, but {admission} accepts it")
        return read_job(record)

    @needs_redis
    def find_replay(self, key: IdempotencyKey) -> Job | None:
        """Return the job that an earlier request with the key created, if there is one.

        Raises:
            IdempotencyKeyReused: the key was used for another request.
        """
        reply = self._find_replay(keys=[idempotency_key(key.digest)], args=[key.request_hash])
        if reply == "different":
            raise IdempotencyKeyReused
        return read_job(reply) if reply else None

    @needs_redis
    def discard(self, job: Job) -> list[str]:
        """Remove a new job that could not be announced to the workers.

        Returns:
            The digests of the blobs that it named.
        """
        return cast(list[str], self._discard(keys=[job_key(job.id)], args=[job.id]))

    @needs_redis
    def get(self, job_id: str) -> Job:
        """Return a job.

        Raises:
            JobNotFound: there is no such job.
            NewerRecord: a newer version of Easel wrote the record in an unreadable way.
        """
        record = (
            cast(dict[str, str], self._redis.hgetall(job_key(job_id))) if is_job_id(job_id) else {}
        )
        if not record:
            raise not_found(job_id)
        return parse_job(record)

    @needs_redis
    def losses(self, job_id: str) -> list[str]:
        """Return the history of a job's losses, for ``core.jobs.losses.parse_point``.

        It is empty before the first step, and after the job's files have expired.
        """
        return cast(list[str], self._redis.lrange(losses_key(job_id), 0, -1))

    @needs_redis
    def edit(self, job: Job, params: StyleParams, edits: Edits, **more: str) -> Job | None:
        """Replace the parameters and the edits of an unfinished job.

        Args:
            job: the job as it was read.
            params: its new parameters.
            edits: its new edits; see :mod:`core.params.edits`.
            more: further fields of the record.

        Returns:
            The job; None if it has changed since it was read.

        Raises:
            JobFinished: the job has made its last step.
            JobNotFound: there is no such job.
            NewerRecord: only a newer version of Easel may change the job.
        """
        read = f"{job.revision} {job.attempt} {dump_edits(job.edits)}"
        fields = {"params": params.model_dump_json(), "edits": dump_edits(edits), **more}
        reply = self._edit(keys=[job_key(job.id)], args=[job.id, read, *flatten(fields)])
        if reply is None:
            raise not_found(job.id)
        if reply == "closed":
            raise JobFinished
        return None if reply == "changed" else read_job(reply)

    @needs_redis
    def keep_draft(self, job_id: str) -> Job:
        """Make an unfinished draft a job like others, which ends with its picture.

        Raises:
            JobNotFound, NewerRecord: see :meth:`cancel`.
        """
        args: list[str | float] = [job_id, self._retention.total_seconds()]
        record = self._keep_draft(keys=[job_key(job_id)], args=args)
        if record is None:
            raise not_found(job_id)
        return read_job(record)

    @needs_redis
    def cancel(self, job_id: str) -> Job:
        """Cancel a job: at once if it is queued, at its next step if it is running.

        A finished job does not change.

        Raises:
            JobNotFound: there is no such job.
            NewerRecord: only a newer version of Easel may change the job.
        """
        record = self._cancel(keys=[job_key(job_id)], args=[job_id]) if is_job_id(job_id) else None
        if record is None:
            raise not_found(job_id)
        return read_job(record)

    @needs_redis
    def delete(self, job_id: str) -> list[str]:
        """Delete a job. Later writes of a worker that runs it are refused.

        Returns:
            The digests of the blobs that it named, to be released.

        Raises:
            JobNotFound: there is no such job.
            NewerRecord: only a newer version of Easel may change the job.
        """
        digests = self._delete(keys=[job_key(job_id)], args=[job_id])
        if digests is None:
            raise not_found(job_id)
        return cast(list[str], digests)

    @needs_redis
    def redeliver(self, job_id: str, event: WebhookEvent) -> Delivery:
        """Send a webhook of a job or batch again, whatever became of it.

        Raises:
            DeliveryNotFound: the job has no such webhook, or the event has not occurred.
            NewerRecord: only a newer version of Easel may change the job.
        """
        delivery = delivery_id(job_id, event)
        reply = self._redeliver(
            keys=[delivery_record_key(job_id, event)], args=[delivery, event.value]
        )
        if reply is None:
            raise DeliveryNotFound(f"there is no delivery {delivery!r}; its job may have expired")
        return Delivery.model_validate_json(reply)


def not_found(job_id: str) -> JobNotFound:
    """Return the error for a job that does not exist or belongs to another owner."""
    return JobNotFound(f"there is no job {job_id!r}; it may have expired")
