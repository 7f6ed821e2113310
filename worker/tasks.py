"""The Celery side of a worker's child process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from celery import shared_task
from celery.signals import worker_process_init, worker_process_shutdown

from core.logs import configure_logging
from core.queue import STYLIZE_TASK
from core.settings import Settings

if TYPE_CHECKING:
    from worker.process import WorkerProcess

#: The one thing this process is; there is none in the parent.
_process: WorkerProcess | None = None


@worker_process_init.connect
def _start(**_: Any) -> None:
    from worker.process import WorkerProcess  # torch: in the child, not in its parent

    global _process
    settings = Settings()
    configure_logging(settings.log_level, part="worker")
    _process = WorkerProcess(settings)
    _process.start()


@worker_process_shutdown.connect
def _stop(**_: Any) -> None:
    if _process is not None:
        _process.stop()


@shared_task(name=STYLIZE_TASK)
def stylize(job_id: str) -> None:
    """Run the job of that id."""
    assert _process is not None, "worker_process_init has not run"
    _process.runner.run(job_id)
