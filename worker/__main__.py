"""``python -m worker``: a worker. Celery's options for workers may follow.

``celery -A`` is not used, because it would import the ``worker.py`` of the working directory.
"""

from __future__ import annotations

import sys
from typing import Any

from celery.signals import setup_logging

from core.queue.app import make_celery
from core.runtime.logs import configure_logging
from core.runtime.modules import full_name
from core.runtime.startup import exit_if_settings_are_invalid
from core.settings.model import Settings
from worker.host.concurrency import number_of_workers
from worker.host.device import check_device

#: Workers do not need to know each other, and mingling takes a second at startup.
_OPTIONS = ("--without-mingle", "--without-gossip")

with exit_if_settings_are_invalid():
    _settings = Settings()

configure_logging(_settings.log_level, "worker", _settings.log_format)


@setup_logging.connect
def _keep_logging(**_: Any) -> None:
    """Keep our logging: Celery configures its own only if nothing receives this signal."""


# Celery keeps a process for each job at a time.
app = make_celery(
    _settings.redis_url,
    include=(full_name("worker.tasks"),),
    redelivery_seconds=_settings.redelivery_seconds,
    concurrency=number_of_workers(_settings),
)

if __name__ == "__main__":
    check_device(_settings)
    app.worker_main(["--quiet", "worker", *_OPTIONS, *sys.argv[1:]])
