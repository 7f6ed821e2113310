"""The Celery side of a worker: what its parent and its child do when."""

from __future__ import annotations

import logging
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
from worker.parent import INTERRUPT, WorkerParent
from worker.signals import heed_once

if TYPE_CHECKING:
    from worker.process import WorkerProcess

_logger = logging.getLogger(__name__)

#: The one thing this process is: the parent, or its child.
_parent: WorkerParent | None = None
_process: WorkerProcess | None = None


@worker_init.connect
def _start_parent(**_: Any) -> None:
    global _parent
    _parent = WorkerParent(Settings())
    _parent.start()


@worker_ready.connect
def _stop_once(**_: Any) -> None:
    heed_once(signal.SIGTERM)  # Celery has set its handler by now


@worker_shutting_down.connect
def _stop_parent(**_: Any) -> None:
    if _parent is not None:
        _parent.stop()


@worker_process_init.connect
def _start_child(**_: Any) -> None:
    from worker.process import WorkerProcess  # torch: in the child, not in its parent

    global _process
    settings = Settings()
    configure_logging(settings.log_level, part="worker")
    start_tracing("worker")
    process = _process = WorkerProcess(settings)
    signal.signal(INTERRUPT, lambda *_: process.interrupt())
    process.start()


@worker_process_shutdown.connect
def _stop_child(**_: Any) -> None:
    if _process is not None:
        _process.stop()
        stop_tracing()


@shared_task(name=STYLIZE_TASK)
def stylize(job_id: str) -> None:
    """Run the job of that id."""
    assert _process is not None, "worker_process_init has not run"
    try:
        _process.runner.run(job_id)
    except RedisUnavailable:
        _logger.critical("patience with Redis has ended; giving up", extra={"job_id": job_id})
        _process.give_up()
