"""The Celery task, and what the parent and the child do when they start and stop."""

from __future__ import annotations

import logging
import os
import signal
from typing import TYPE_CHECKING, Any

from celery import shared_task
from celery.signals import (
    worker_init,
    worker_process_init,
    worker_process_shutdown,
    worker_ready,
    worker_shutting_down,
)

from core.errors import RedisUnavailable
from core.queue.app import STYLIZE_TASK
from core.runtime.logs import configure_logging
from core.runtime.tracing import start_tracing, stop_tracing
from core.settings.model import Settings
from worker.lease import exit_now
from worker.parent import INTERRUPT, WorkerParent, handle_once

if TYPE_CHECKING:
    from celery.apps.worker import Worker

    from worker.child import WorkerProcess

_logger = logging.getLogger(__name__)

#: One of the two is set: this process is either the parent or its child.
_parent: WorkerParent | None = None
_process: WorkerProcess | None = None


@worker_init.connect
def _start_parent(sender: Worker, **_: Any) -> None:
    global _parent
    _parent = WorkerParent(Settings(), sender.app)
    _parent.start()


@worker_ready.connect
def _handle_sigterm_once(**_: Any) -> None:
    handle_once(signal.SIGTERM)  # Celery has installed its handler by now


@worker_shutting_down.connect
def _stop_parent(**_: Any) -> None:
    if _parent is not None:
        _parent.stop()


@worker_process_init.connect
def _start_child(**_: Any) -> None:
    from worker.child import WorkerProcess  # imports torch, which the parent does without

    global _process
    settings = Settings()
    configure_logging(settings.log_level, part="worker")
    start_tracing("worker")
    try:
        process = _process = WorkerProcess(settings)
        signal.signal(INTERRUPT, lambda *_: process.interrupt())
        process.start()
    except Exception:  # Celery ignores exceptions here, and this process would fail every job.
        _logger.critical("a process of the worker cannot start; stopping", exc_info=True)
        os.kill(os.getppid(), signal.SIGTERM)
        exit_now()


@worker_process_shutdown.connect
def _stop_child(**_: Any) -> None:
    if _process is not None:
        _process.stop()
        stop_tracing()


@shared_task(name=STYLIZE_TASK)
def stylize(job_id: str) -> None:
    """Run a job."""
    assert _process is not None, "worker_process_init has not run"
    try:
        _process.runner.run(job_id)
    except RedisUnavailable:
        # The lease expires, and the reaper requeues the job. A new process starts afresh.
        _logger.critical("Redis stayed unreachable; exiting", extra={"job_id": job_id})
        exit_now()
