"""What one worker process holds, built once: clients, networks, the runner."""

from __future__ import annotations

import logging
import os
import socket

from core.blobs import open_blobs
from core.connections import connect
from core.errors import WeightsUnavailable
from core.nst import pick_device
from core.params import StyleParams
from core.settings import Settings
from core.store import JobStore
from core.workers import WorkerInfo, WorkerRegistry
from worker.heartbeat import Heartbeat
from worker.networks import Networks
from worker.runner import Runner

_logger = logging.getLogger(__name__)

#: A worker waits out an outage of Redis, for about ten minutes a call.
_PATIENCE = 1200


class WorkerProcess:
    """A process that can run jobs.

    Args:
        settings: the deployment's.
    """

    def __init__(self, settings: Settings) -> None:
        redis = connect(settings.redis_url, patience=_PATIENCE)
        self._networks = Networks(settings.weights_dir, pick_device(settings.device))
        self.runner = Runner(
            JobStore(redis),
            open_blobs(settings.blobs_url, s3_endpoint=settings.s3_endpoint, patience=_PATIENCE),
            self._networks,
            settings.max_picture_pixels,
        )
        self._heartbeat = Heartbeat(WorkerRegistry(redis), self._describe)

    def start(self) -> None:
        """Load the usual network, and say that the worker is there."""
        try:
            self._networks.get(StyleParams().network)
        except WeightsUnavailable:
            # The worker stays: each job tries again, and fails with this reason.
            _logger.exception("the network could not be loaded")
        _logger.info("worker ready", extra={"device": str(self._networks.device)})
        self._heartbeat.start()

    def stop(self) -> None:
        """Say that the worker has gone."""
        self._heartbeat.stop()

    def _describe(self) -> WorkerInfo:
        return WorkerInfo(
            id=f"{socket.gethostname()}:{os.getpid()}",
            device=str(self._networks.device),
            networks=self._networks.names(),
        )
