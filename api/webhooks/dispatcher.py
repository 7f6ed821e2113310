"""Sees that webhooks are sent: hands what is due to the sender, and keeps that alive."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from contextlib import suppress

from core.queue.app import WebhookQueue
from core.runtime.ticker import Ticker
from core.store.outbox import Outbox

_logger = logging.getLogger(__name__)

#: How often it is looked for deliveries that are due.
_SECONDS = 0.5

#: How long the sender may take to end its attempts when the api stops.
_GRACE_SECONDS = 5.0


class Dispatcher:
    """One in every api process; together they see to all deliveries.

    Args:
        outbox: has the deliveries.
        queue: leads to the senders.
    """

    def __init__(self, outbox: Outbox, queue: WebhookQueue) -> None:
        self._outbox = outbox
        self._queue = queue
        self._sender: subprocess.Popen[bytes] | None = None
        self._ticker = Ticker("webhook dispatcher", _SECONDS, self._turn)

    def start(self) -> None:
        """Begin to look for deliveries."""
        self._ticker.start()

    def stop(self) -> None:
        """End, and the sender with it; what it had at hand is due again in a while."""
        self._ticker.stop()
        self._ticker.join(1.0)
        if self._sender is not None:
            self._sender.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._sender.wait(_GRACE_SECONDS)
            self._sender.kill()
            self._sender.wait()

    def _turn(self) -> None:
        taken = self._outbox.claim()
        for delivery in taken:
            self._queue.announce(delivery)
        if taken:
            self._keep_sender()

    def _keep_sender(self) -> None:
        if self._sender is not None:
            status = self._sender.poll()
            if status is None:
                return
            _logger.warning("sender of webhooks died; restarting", extra={"status": status})
        command = [sys.executable, "-m", "api.webhooks", str(os.getpid())]
        self._sender = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        _logger.info("sender of webhooks started", extra={"child_pid": self._sender.pid})
