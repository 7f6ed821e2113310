"""The queue: one Celery application, whose message carries a job's id and nothing else.

Celery is only how a worker hears of a job. What the job is, and what became of
it, is in the record (``core.store.jobs``).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from core.errors import ServiceUnavailable
from core.jobs.schema_version import SCHEMA, SCHEMA_VERSION, versioned
from core.runtime.redis import needs_redis

if TYPE_CHECKING:
    from celery import Celery
    from redis import Redis

    from core.store.outbox import ClaimedDelivery

#: The task's name, known to the sender and to ``worker.tasks``.
STYLIZE_TASK = "easel.stylize"

_QUEUE = "easel.jobs"

#: The task of the process that sends webhooks.
WEBHOOK_TASK = "easel.webhook"
_WEBHOOK_QUEUE = "easel.webhooks"

#: What is read of each: a schema's messages have a queue of their own, so that
#: nobody takes one that is too new for it.
_SCHEMAS = range(1, SCHEMA_VERSION + 1)
JOB_QUEUES = tuple(versioned(_QUEUE, schema) for schema in _SCHEMAS)
WEBHOOK_QUEUES = tuple(versioned(_WEBHOOK_QUEUE, schema) for schema in _SCHEMAS)

#: The priorities of messages: what was begun already goes first.
_FIRST, _USUAL = 0, 9
#: The Redis lists that kombu keeps the messages of each priority in.
MESSAGE_LISTS = tuple(name for queue in JOB_QUEUES for name in (queue, f"{queue}\x06\x16{_USUAL}"))

_OPTIONS: dict[str, Any] = {
    # A message is JSON or it is refused; nothing is ever unpickled.
    "task_serializer": "json",
    "accept_content": ["json"],
    # The record is the truth. With a result backend, a task that ends while Redis
    # is away loses its result and is acknowledged all the same.
    "task_ignore_result": True,
    # Acknowledge when the job has ended, so that a lost worker's message comes back.
    "task_acks_late": True,
    # Never hold a second job back behind a long one.
    "worker_prefetch_multiplier": 1,
    # One job at a time to a device.
    "worker_concurrency": 1,
    # CUDA does not survive a fork.
    "worker_pool_start_method": "spawn",
    # A spawned child imports torch and loads the network before it is up.
    "worker_proc_alive_timeout": 300.0,
    # True (the default from Celery 6) kills the running job when Redis restarts,
    # and then loses it. Said here so that an upgrade does not change it.
    "worker_cancel_long_running_tasks_on_connection_loss": False,
    # An outage of Redis is waited out, at the start and later.
    "broker_connection_retry": True,
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    # The api answers 503 quickly when Redis is away.
    "broker_pool_acquire_timeout": 5,
    "task_publish_retry_policy": {"max_retries": 2, "interval_start": 0.1, "interval_max": 0.5},
    "broker_transport_options": {
        "priority_steps": [_FIRST, _USUAL],
        # Without these, a half-open connection hangs for ever.
        "socket_timeout": 10,
        "socket_connect_timeout": 5,
        "socket_keepalive": True,
        "health_check_interval": 25,
    },
    # Our own structured logging is set up by the process (core.runtime.logs).
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
) -> Celery:
    """The Celery application, for a sender or, with its task modules, for a worker.

    Args:
        redis_url: of the server.
        include: the task modules.
        queues: those that a worker reads.
        redelivery_seconds: after how long Redis delivers again what was not
            acknowledged, also while the job still runs; the claim refuses the
            second delivery. What brings a lost job back is its lease.
    """
    from celery import Celery  # a quarter of a second; not paid on import

    celery = Celery("easel", broker=redis_url, include=list(include))
    celery.conf.update(_OPTIONS)
    celery.conf.task_default_queue = queues[0]
    celery.conf.task_queues = {name: {"exchange": name} for name in queues}
    celery.conf.broker_transport = "core.queue.transport:Transport"
    celery.conf.broker_transport_options = {
        **celery.conf.broker_transport_options,
        "visibility_timeout": redelivery_seconds,
        # Look for such messages every five seconds; usual is every hundred.
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
    }
    return celery


class JobQueue:
    """Tells the workers of a job."""

    def __init__(self, celery: Celery) -> None:
        self._celery = celery

    def announce(
        self, job_id: str, *, first: bool = False, schema: int | str = SCHEMA_VERSION
    ) -> None:
        """Send the job's id to whichever worker is free first.

        A job may be announced twice: its second claim is refused.

        Args:
            job_id: of a job that is queued.
            first: before all jobs that have not been begun yet.
            schema: of its record.

        Raises:
            ServiceUnavailable: Redis could not be reached.
        """
        priority = _FIRST if first else _USUAL
        options = {"task_id": job_id, "priority": priority}
        _send(self._celery, STYLIZE_TASK, [job_id], (_QUEUE, schema), **options)


class WebhookQueue:
    """Tells the senders of webhooks that a delivery is due."""

    def __init__(self, celery: Celery) -> None:
        self._celery = celery

    def announce(self, claimed: ClaimedDelivery) -> None:
        """Send the delivery's id to whichever sender is free first.

        Raises:
            ServiceUnavailable: Redis could not be reached; the delivery will be due again.
        """
        place = (_WEBHOOK_QUEUE, SCHEMA_VERSION)
        _send(self._celery, WEBHOOK_TASK, [claimed.id, claimed.stamp], place)


def _send(
    celery: Celery, task: str, args: list[str], place: tuple[str, int | str], **options: Any
) -> None:
    from kombu.exceptions import OperationalError

    queue, schema = place
    options |= {"queue": versioned(queue, schema), "headers": {SCHEMA: schema}}
    try:
        celery.send_task(task, args=args, **options)
    except OperationalError as error:
        raise ServiceUnavailable(f"the queue cannot be reached: {error}") from error


class Messages:
    """The messages that no worker has taken yet.

    Args:
        redis: a client with ``decode_responses=True``.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    @needs_redis
    def count(self) -> int:
        """How many there are."""
        lengths: list[int] = [self._redis.llen(name) for name in MESSAGE_LISTS]
        return sum(lengths)

    @needs_redis
    def job_ids(self, most: int | None = None) -> set[str]:
        """The jobs that they tell of.

        Args:
            most: look only at so many of each priority, those that are taken next.
        """
        first = 0 if most is None else -most  # they come in at the left and go out at the right
        texts = [
            text
            for name in MESSAGE_LISTS
            for text in cast(list[str], self._redis.lrange(name, first, -1))
        ]
        return {job_id for text in texts if (job_id := _job_id(text)) is not None}

    @needs_redis
    def next(self) -> str | None:
        """The job of the message that a worker takes next, if there is one."""
        for name in MESSAGE_LISTS:
            if texts := cast(list[str], self._redis.lrange(name, -1, -1)):
                return _job_id(texts[0])
        return None


def _job_id(message: str) -> str | None:
    """The job that a message tells of; None for what is none of ours."""
    try:
        return str(json.loads(message)["headers"]["id"])
    except (ValueError, TypeError, KeyError):
        return None
