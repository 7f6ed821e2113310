"""The process that delivers webhooks: ``python -m api.webhooks``.

It consumes a queue of its own, so a slow or unreachable receiver delays no job. Each API
process starts one when the first delivery is due.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from celery import Celery
from celery.platforms import set_pdeathsig
from celery.signals import setup_logging

from api.webhooks.sender import Sender
from core.queue.app import WEBHOOK_QUEUES, WEBHOOK_TASK, make_celery
from core.runtime.logs import configure_logging
from core.runtime.startup import exit_if_settings_are_invalid
from core.runtime.tracing import start_tracing
from core.settings.model import Settings
from core.store.webhooks.outbox import ClaimedDelivery

#: The number of simultaneous attempts.
_CONCURRENCY = 16


def build(settings: Settings) -> Celery:
    """Return the Celery application of the sender."""
    celery = make_celery(
        settings.redis_url,
        queues=WEBHOOK_QUEUES,
        redelivery_seconds=settings.redelivery_seconds,
    )
    sender = Sender(settings)

    @celery.task(name=WEBHOOK_TASK)
    def send(delivery: str, stamp: str) -> None:
        sender.send(ClaimedDelivery(delivery, stamp))

    return celery


def _keep_logging(**_: Any) -> None:
    """Do nothing: a receiver of the signal keeps Celery from configuring logging."""


def _exit_with(parent: int) -> None:
    """Exit when the parent dies, even if it is killed (Linux)."""
    set_pdeathsig("SIGTERM")
    if os.getppid() != parent:
        sys.exit()


def main() -> None:
    """Run the sender. If the arguments contain the process id of a parent, exit with it."""
    for parent in sys.argv[1:]:
        _exit_with(int(parent))
    with exit_if_settings_are_invalid():
        settings = Settings()
    configure_logging(settings.log_level, "webhooks", settings.log_format)
    start_tracing("webhooks")
    setup_logging.connect(_keep_logging)
    build(settings).worker_main(
        [
            *("--quiet", "worker"),
            *("--pool", "threads", "--concurrency", str(_CONCURRENCY)),
            *("--hostname", f"webhooks-{os.getpid()}@%h"),
            *("--without-mingle", "--without-gossip"),
        ]
    )


if __name__ == "__main__":
    main()
