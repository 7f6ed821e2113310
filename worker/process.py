"""What the child of a worker holds, built once: clients, networks, the runner."""

from __future__ import annotations

import logging
import os
import socket
import time
from typing import NoReturn

from core.blobs.blobs import open_blobs
from core.errors import ServiceUnavailable, WeightsUnavailable
from core.jobs.workers import WorkerInfo
from core.nst import pick_device
from core.params import StyleParams
from core.queue.app import JobQueue, Messages, make_celery
from core.runtime.malloc import keep_freed_memory
from core.runtime.redis import connect
from core.runtime.ticker import Ticker
from core.settings.model import Settings
from core.store.jobs import JobStore
from core.store.previews import Previews
from core.store.workers import HEARTBEAT_SECONDS, WorkerRegistry
from worker.lease import exit_now
from worker.memory import memory_of, resident_bytes
from worker.meter import Meter
from worker.networks import Networks
from worker.prefetch import Ahead, Loader
from worker.runner import Limits, Runner

_logger = logging.getLogger(__name__)

#: While Redis is away, a call is tried again so often.
_TRIES_PER_SECOND = 2


class WorkerProcess:
    """A process that can run jobs.

    Args:
        settings: the deployment's.
    """

    def __init__(self, settings: Settings) -> None:
        patience = round(settings.patience_seconds * _TRIES_PER_SECOND)
        redis = connect(settings.redis_url, patience=patience)
        self._networks = Networks(settings.weights_dir, pick_device(settings.device))
        self._stopping = False
        store = JobStore(redis, settings.lease_seconds)
        blobs = open_blobs(settings.blobs_url, s3_endpoint=settings.s3_endpoint, patience=patience)
        loader = Loader(blobs, settings.max_picture_pixels)
        impatient = connect(settings.redis_url, patience=0)
        self._ahead = Ahead(Messages(impatient), JobStore(impatient), loader)
        self.runner = Runner(
            store,
            JobQueue(make_celery(settings.redis_url)),
            blobs,
            Previews(impatient),
            self._networks,
            Limits(
                settings.max_picture_pixels, settings.checkpoint_seconds, settings.stall_seconds
            ),
            stopping=lambda: self._stopping,
            pictures=self._ahead.load,
        )
        self._registry = WorkerRegistry(connect(settings.redis_url, patience=2))
        self._meter = Meter(time.monotonic)
        self._heartbeat = Ticker("heartbeat", HEARTBEAT_SECONDS, self._beat)

    def start(self) -> None:
        """Load the usual network, and say that the worker is there."""
        keep_freed_memory()
        try:
            self._networks.get(StyleParams().network)
        except WeightsUnavailable:
            # The worker stays: each job tries again, and fails with this reason.
            _logger.exception("the network could not be loaded")
        _logger.info("worker ready", extra={"device": str(self._networks.device)})
        if self._networks.device.type == "cuda":  # a CPU has nothing to spare for the next job
            self._ahead.start()
        self._heartbeat.start()

    def interrupt(self) -> None:
        """Put the job at hand away at its next step, and begin no other."""
        self._stopping = True

    def give_up(self) -> NoReturn:
        """End at once; the lease of the job runs out, and a new process begins anew."""
        exit_now()

    def stop(self) -> None:
        """Say that the worker has gone."""
        self._heartbeat.stop()
        self._ahead.stop()
        try:
            self._registry.withdraw(self._describe())
        except ServiceUnavailable:
            _logger.warning("could not sign off; the worker will be forgotten by itself")

    def _beat(self) -> None:
        self._registry.announce(self._describe())

    def _describe(self) -> WorkerInfo:
        memory = memory_of(self._networks.device)
        return WorkerInfo(
            id=f"{socket.gethostname()}:{os.getpid()}",
            device=str(self._networks.device),
            networks=self._networks.names(),
            memory_total_bytes=memory.total,
            precision=self._networks.precision,
            memory_available_bytes=memory.available,
            resident_bytes=resident_bytes(),
            steps=self.runner.steps,
            steps_per_second=self._meter.rate(self.runner.steps),
            job_id=self.runner.job_id,
        )
