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

from core.queue.app import STYLIZE_TASK
from core.runtime.logs import configure_logging, log_context
from core.runtime.tracing import start_tracing, stop_tracing
from core.settings.model import Settings
from worker.host.concurrency import number_of_workers
from worker.host.device_errors import DeviceErrors
from worker.host.out_of_service import OutOfService
from worker.host.signals import on_signal
from worker.lease import exit_now
from worker.parent import INTERRUPT, WorkerParent, handle_once

if TYPE_CHECKING:
    from celery.apps.worker import Worker

    from worker.child import WorkerProcess

_logger = logging.getLogger(__name__)

#: One of the two is set: this process is either the parent or its child.
_parent: WorkerParent | None = None
_process: WorkerProcess | OutOfService | None = None


@worker_init.connect
def _start_parent(sender: Worker, **_: Any) -> None:
    global _parent
    settings = Settings()
    _device_errors(settings, os.getpid()).clear()
    _parent = WorkerParent(settings, sender.app)
    _parent.start()


@worker_ready.connect
def _handle_sigterm_once(**_: Any) -> None:
    handle_once(signal.SIGTERM)  # Celery has installed its handler by now


@worker_shutting_down.connect
def _stop_parent(**_: Any) -> None:
    if _parent is not None:
        _parent.stop()
        _device_errors(Settings(), os.getpid()).clear()


@worker_process_init.connect
def _start_child(**_: Any) -> None:
    global _process
    settings = Settings()
    configure_logging(settings.log_level, "worker", settings.log_format)
    start_tracing("worker")
    try:
        process = _process = _make_process(settings)
        on_signal(INTERRUPT, process.interrupt)
        process.start()
    except Exception:  # Celery ignores exceptions here, and this process would fail every job.
        _logger.critical("a process of the worker cannot start; stopping", exc_info=True)
        os.kill(os.getppid(), signal.SIGTERM)
        exit_now()


def _device_errors(settings: Settings, parent: int) -> DeviceErrors:
    return DeviceErrors.of_worker(settings, parent, number_of_workers(settings))


def _make_process(settings: Settings) -> WorkerProcess | OutOfService:
    errors = _device_errors(settings, os.getppid())
    if (problem := errors.problem()) is not None:
        return OutOfService(settings, problem)
    from worker.child import WorkerProcess  # imports torch, which the parent does without

    return WorkerProcess(settings, errors)


@worker_process_shutdown.connect
def _stop_child(**_: Any) -> None:
    if _process is not None:
        _process.stop()
        stop_tracing()


@shared_task(name=STYLIZE_TASK)
def stylize(job_id: str) -> None:
    """Run the job that goes next, on a message that was sent for some job."""
    assert _process is not None, "worker_process_init has not run"
    with log_context(woken_for=job_id):
        _process.run()
