"""Dispatches webhooks: queues the deliveries that are due, and keeps a sender process running."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress

from core.queue.app import WebhookQueue
from core.runtime.modules import full_name
from core.runtime.ticker import Ticker
from core.store.webhooks.outbox import Outbox

_logger = logging.getLogger(__name__)

#: The interval between checks for deliveries that are due.
_INTERVAL_SECONDS = 0.5

#: The time that the sender has to finish its attempts when the API stops.
_GRACE_SECONDS = 5.0


class Dispatcher:
    """Dispatches the deliveries that are due. Every API process runs one.

    Args:
        outbox: the pending deliveries.
        queue: the queue that the sender processes consume.
        count_error: see :class:`Ticker`.
    """

    def __init__(
        self, outbox: Outbox, queue: WebhookQueue, count_error: Callable[[str], object]
    ) -> None:
        self._outbox = outbox
        self._queue = queue
        self._sender: subprocess.Popen[bytes] | None = None
        self._ticker = Ticker("webhook dispatcher", _INTERVAL_SECONDS, self._dispatch, count_error)
        self.problem = self._ticker.problem

    def start(self) -> None:
        """Start to dispatch deliveries."""
        self._ticker.start()

    def stop(self) -> None:
        """Stop, and stop the sender. Its unfinished deliveries become due again."""
        self._ticker.stop()
        self._ticker.join(1.0)
        if self._sender is not None:
            self._sender.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._sender.wait(_GRACE_SECONDS)
            self._sender.kill()
            self._sender.wait()

    def _dispatch(self) -> None:
        claimed = self._outbox.claim()
        for delivery in claimed:
            self._queue.announce(delivery)
        if claimed:
            self._ensure_sender()

    def _ensure_sender(self) -> None:
        if self._sender is not None:
            status = self._sender.poll()
            if status is None:
                return
            _logger.warning("webhook sender exited; restarting", extra={"status": status})
        command = [sys.executable, "-m", full_name("api.webhooks"), str(os.getpid())]
        self._sender = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        _logger.info("webhook sender started", extra={"child_pid": self._sender.pid})
