"""``python -m worker.drain``: let the worker of this host finish its job, and take no other.

For whoever is about to stop it and has time, such as the preStop hook of a pod that is
scaled away: its job then comes to its end where it is. SIGTERM, which follows, ends a
worker without a job at once; one that still has a job saves it and hands it back.
"""

from __future__ import annotations

import argparse
import logging
import socket
import time
from typing import TYPE_CHECKING, Any

from core.queue.app import JOB_QUEUES, make_celery
from core.runtime.logs import configure_logging
from core.settings.model import Settings

if TYPE_CHECKING:
    from celery.app.control import Control

_logger = logging.getLogger(__name__)

#: How long the worker may take to answer; it does so beside its job.
_ANSWER_SECONDS = 5.0
_ASK_AGAIN_SECONDS = 1.0


def drain(control: Control, worker: str, seconds: float) -> bool:
    """Have the worker take no more jobs, and wait for the end of the one it has.

    Args:
        control: of the Celery application.
        worker: its name.
        seconds: how long to wait at most.

    Returns:
        Whether it has no job now. Also False if it does not answer.
    """
    end = time.monotonic() + seconds
    for queue in JOB_QUEUES:
        if not _ask(control, worker, "cancel_consumer", {"queue": queue}):
            _logger.warning("worker does not answer", extra={"worker": worker})
            return False
    _logger.info("worker takes no more jobs", extra={"worker": worker})
    while (jobs := _ask(control, worker, "active", {"safe": None})) and jobs[worker]:
        if time.monotonic() >= end:
            _logger.warning("job has not ended in time", extra={"worker": worker})
            return False
        time.sleep(_ASK_AGAIN_SECONDS)
    return bool(jobs)


def _ask(control: Control, worker: str, command: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """The worker's answer by its name; empty when there is none."""
    replies = control.broadcast(
        command,
        arguments=arguments,
        destination=[worker],
        reply=True,
        timeout=_ANSWER_SECONDS,
        limit=1,
    )
    return {name: answer for reply in replies or () for name, answer in reply.items()}


def main() -> None:
    """Read the command line, and drain."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=1800, help="wait at most so long")
    parser.add_argument("--worker", default=f"celery@{socket.gethostname()}")
    given = parser.parse_args()
    settings = Settings()
    configure_logging(settings.log_level, part="drain")
    control = make_celery(settings.redis_url).control
    idle = drain(control, given.worker, given.seconds)
    _logger.info("drained", extra={"worker": given.worker, "idle": idle})


if __name__ == "__main__":
    main()
