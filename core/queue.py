"""The queue: one Celery application, whose message carries a job's id and nothing else.

Celery is only how a worker hears of a job. What the job is, and what became of
it, is in the record (``core.store``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.errors import ServiceUnavailable

if TYPE_CHECKING:
    from celery import Celery

#: The task's name, known to the sender and to ``worker.tasks``.
STYLIZE_TASK = "easel.stylize"

_QUEUE = "easel.jobs"

_OPTIONS: dict[str, Any] = {
    "task_default_queue": _QUEUE,
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
        # Redis redelivers what was not acknowledged in this time, also while the
        # job still runs; the claim refuses the second delivery. Longer than any job.
        "visibility_timeout": 24 * 3600,
        # Without these, a half-open connection hangs for ever.
        "socket_timeout": 10,
        "socket_connect_timeout": 5,
        "socket_keepalive": True,
        "health_check_interval": 25,
    },
    # Our own structured logging is set up by the process (core.logs).
    "worker_hijack_root_logger": False,
    "worker_redirect_stdouts": False,
    "enable_utc": True,
}


def make_celery(redis_url: str, *, include: tuple[str, ...] = ()) -> Celery:
    """The Celery application, for a sender or, with its task modules, for a worker."""
    from celery import Celery  # a quarter of a second; not paid on import

    celery = Celery("easel", broker=redis_url, include=list(include))
    celery.conf.update(_OPTIONS)
    return celery


class JobQueue:
    """Tells the workers of a job."""

    def __init__(self, celery: Celery) -> None:
        self._celery = celery

    def announce(self, job_id: str) -> None:
        """Send the job's id to whichever worker is free first.

        Raises:
            ServiceUnavailable: Redis could not be reached.
        """
        from kombu.exceptions import OperationalError

        try:
            self._celery.send_task(STYLIZE_TASK, args=[job_id])
        except OperationalError as error:
            raise ServiceUnavailable(f"the job queue cannot be reached: {error}") from error
