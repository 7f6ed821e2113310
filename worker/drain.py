"""``python -m worker.drain``: let this host's worker finish its job and take no other.

Run it before stopping a worker when there is time to wait, for example in the preStop hook of
a pod that is scaled down. The SIGTERM that follows then ends an idle worker at once. A worker
that is still busy saves its job and hands it back.
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

#: How long the worker may take to reply. Its parent process replies while the child works.
_REPLY_SECONDS = 5.0
_POLL_SECONDS = 1.0


def drain(control: Control, worker: str, seconds: float) -> bool:
    """Make the worker take no more jobs and wait until its current job has ended.

    Args:
        control: the control interface of the Celery application.
        worker: the worker's node name.
        seconds: how long to wait at most.

    Returns:
        Whether the worker is idle. False also if it does not reply.
    """
    deadline = time.monotonic() + seconds
    for queue in JOB_QUEUES:
        if not _send(control, worker, "cancel_consumer", {"queue": queue}):
            _logger.warning("worker does not reply", extra={"worker": worker})
            return False
    _logger.info("worker takes no more jobs", extra={"worker": worker})
    while (jobs := _send(control, worker, "active", {"safe": None})) and jobs[worker]:
        if time.monotonic() >= deadline:
            _logger.warning("job did not end in time", extra={"worker": worker})
            return False
        time.sleep(_POLL_SECONDS)
    return bool(jobs)


def _send(control: Control, worker: str, command: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the replies to a command by node name; empty if the worker does not reply."""
    replies = control.broadcast(
        command,
        arguments=arguments,
        destination=[worker],
        reply=True,
        timeout=_REPLY_SECONDS,
        limit=1,
    )
    return {name: reply for each in replies or () for name, reply in each.items()}


def main() -> None:
    """Parse the command line and drain the worker."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=1800, help="how long to wait at most")
    parser.add_argument("--worker", default=f"celery@{socket.gethostname()}", help="its node name")
    options = parser.parse_args()
    settings = Settings()
    configure_logging(settings.log_level, "drain", settings.log_format)
    control = make_celery(settings.redis_url).control
    idle = drain(control, options.worker, options.seconds)
    _logger.info("drained", extra={"worker": options.worker, "idle": idle})


if __name__ == "__main__":
    main()
