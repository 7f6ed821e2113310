"""The queue: a Celery application whose messages wake workers.

A message carries the id of the job that it was sent for, and nothing else. The worker that
receives it takes the job that goes next, which may be another one (``core.store.leases``). So
Celery decides neither which job runs nor what became of it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from core.errors import ServiceUnavailable
from core.jobs.schema_version import SCHEMA, SCHEMA_VERSION, versioned
from core.runtime.modules import full_name
from core.runtime.redis import needs_redis, socket_options

if TYPE_CHECKING:
    from celery import Celery
    from redis import Redis

    from core.store.webhooks.outbox import ClaimedDelivery

#: The names of the tasks, for senders and for ``worker.tasks`` and ``api.webhooks``.
STYLIZE_TASK = "easel.stylize"
WEBHOOK_TASK = "easel.webhook"

_JOB_QUEUE, _WEBHOOK_QUEUE = "easel.jobs", "easel.webhooks"

#: The queues that this version reads. Each schema version has queues of its own, so that no
#: process receives a message that is too new for it.
_SCHEMAS = range(1, SCHEMA_VERSION + 1)
JOB_QUEUES = tuple(versioned(_JOB_QUEUE, schema) for schema in _SCHEMAS)
WEBHOOK_QUEUES = tuple(versioned(_WEBHOOK_QUEUE, schema) for schema in _SCHEMAS)

_OPTIONS: dict[str, Any] = {
    # Accept only JSON, and never unpickle anything.
    "task_serializer": "json",
    "accept_content": ["json"],
    # The record has the result. With a result backend, a task that ends during an outage of
    # Redis would lose its result and be acknowledged all the same.
    "task_ignore_result": True,
    # Acknowledge a message when the job has ended, so that a lost worker's message comes back.
    "task_acks_late": True,
    # Do not reserve a second message while a job runs.
    "worker_prefetch_multiplier": 1,
    # CUDA does not survive a fork.
    "worker_pool_start_method": "spawn",
    # A spawned child imports torch and loads the network before it is ready.
    "worker_proc_alive_timeout": 300.0,
    # True (the default from Celery 6) would kill the running job when Redis restarts, and then
    # lose it. It is set here so that an upgrade does not change it.
    "worker_cancel_long_running_tasks_on_connection_loss": False,
    # Wait for the end of an outage of Redis, at the start and later.
    "broker_connection_retry": True,
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    # Let the api answer 503 quickly during an outage of Redis.
    "broker_pool_acquire_timeout": 5,
    "task_publish_retry_policy": {"max_retries": 2, "interval_start": 0.1, "interval_max": 0.5},
    # All messages are equal: the order of the jobs is not theirs.
    "broker_transport_options": {"priority_steps": [0]},
    # Each process sets up structured logging itself (core.runtime.logs).
    "worker_hijack_root_logger": False,
    "worker_redirect_stdouts": False,
    "enable_utc": True,
}


def make_celery(
    redis_url: str,
    *,
    include: tuple[str, ...] = (),
    queues: tuple[str, ...] = JOB_QUEUES,
    redelivery_seconds: int = 600,
    concurrency: int = 1,
) -> Celery:
    """Return the Celery application for a sender or, with its task modules, for a worker.

    Args:
        redis_url: the URL of the broker.
        include: the task modules.
        queues: the queues that a worker reads.
        redelivery_seconds: how long until Redis delivers an unacknowledged message again, even
            while its job still runs. An expired lease, and not this, is what recovers a lost job.
        concurrency: how many tasks a worker runs at a time, each in a process of its own.
    """
    from celery import Celery  # deferred: the import takes a quarter of a second

    from core.queue.loader import Loader

    celery = Celery("easel", broker=redis_url, loader=Loader, include=list(include))
    celery.conf.update(_OPTIONS)
    celery.conf.worker_concurrency = concurrency
    celery.conf.task_default_queue = queues[0]
    celery.conf.task_queues = {name: {"exchange": name} for name in queues}
    celery.conf.broker_transport = full_name("core.queue.transport:Transport")
    celery.conf.broker_transport_options = {
        **celery.conf.broker_transport_options,
        **socket_options(redis_url),
        "visibility_timeout": redelivery_seconds,
        # Look for such messages every five seconds; the default is every hundred.
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
    }
    return celery


class JobQueue:
    """Announces jobs to the workers.

    Args:
        celery: the application.
    """

    def __init__(self, celery: Celery) -> None:
        self._celery = celery

    def announce(self, job_id: str, *, schema: int | str = SCHEMA_VERSION) -> None:
        """Wake the first free worker for a queued job.

        Announcing a job twice does no harm: a worker that finds no job waits for the next message.

        Args:
            job_id: the job id.
            schema: the schema version of the job record.

        Raises:
            ServiceUnavailable: Redis is unavailable.
        """
        _send(self._celery, STYLIZE_TASK, [job_id], (_JOB_QUEUE, schema), task_id=job_id)


class WebhookQueue:
    """Announces claimed deliveries to the senders of webhooks.

    Args:
        celery: the application.
    """

    def __init__(self, celery: Celery) -> None:
        self._celery = celery

    def announce(self, claimed: ClaimedDelivery) -> None:
        """Send a claimed delivery to the first free sender.

        Raises:
            ServiceUnavailable: Redis is unavailable. The delivery will be due again.
        """
        queue = (_WEBHOOK_QUEUE, SCHEMA_VERSION)
        _send(self._celery, WEBHOOK_TASK, [claimed.id, claimed.stamp], queue)


def _send(
    celery: Celery, task: str, args: list[str], queue: tuple[str, int | str], **options: Any
) -> None:
    """Send a message.

    Args:
        celery: the application.
        task: the name of the task.
        args: the arguments of the task.
        queue: the name of the queue, and the schema version of the message.
        options: further options of ``send_task``.
    """
    from kombu.exceptions import OperationalError

    name, schema = queue
    options |= {"queue": versioned(name, schema), "headers": {SCHEMA: schema}}
    try:
        celery.send_task(task, args=args, **options)
    except OperationalError as error:
        raise ServiceUnavailable(f"the queue is unavailable: {error}") from error


class Messages:
    """The messages for jobs that no worker has received yet.

    Args:
        redis: a client with ``decode_responses=True``.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    @needs_redis
    def count(self) -> int:
        """Return the number of messages."""
        lengths: list[int] = [self._redis.llen(name) for name in JOB_QUEUES]
        return sum(lengths)

    @needs_redis
    def job_ids(self) -> set[str]:
        """Return the ids of the jobs that they were sent for."""
        texts = [
            text for name in JOB_QUEUES for text in cast(list[str], self._redis.lrange(name, 0, -1))
        ]
        return {job_id for text in texts if (job_id := _job_id(text)) is not None}


def _job_id(message: str) -> str | None:
    """Return the job id in a message; None if it is not a message of Easel."""
    try:
        return str(json.loads(message)["headers"]["id"])
    except (ValueError, TypeError, KeyError):
        return None
