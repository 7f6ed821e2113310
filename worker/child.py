"""The child process of a worker: its clients, its networks and its runner."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time

from core.blobs.blobs import open_blobs
from core.errors import RedisUnavailable, ServiceUnavailable, WeightsUnavailable
from core.jobs.workers import Capacity, WorkerInfo
from core.params import StyleParams
from core.queue.app import JobQueue, Messages, make_celery
from core.runtime.cpu import OtherProcesses
from core.runtime.malloc import keep_freed_memory
from core.runtime.redis import connect
from core.runtime.ticker import Ticker
from core.settings.model import Settings
from core.store.jobs import JobStore
from core.store.previews import Previews
from core.store.workers import HEARTBEAT_SECONDS, WorkerRegistry
from worker.failures import DeviceLost
from worker.host.concurrency import number_of_workers
from worker.host.cores import SharedCores, open_slots
from worker.host.device import device_of
from worker.host.device_errors import DeviceErrors
from worker.host.memory import DeviceMemory, WorkerMemory, resident_bytes
from worker.lease import exit_now
from worker.networks import Networks
from worker.prefetch import PictureLoader, Prefetcher
from worker.progress import Rate, RunLimits
from worker.runner import Runner

_logger = logging.getLogger(__name__)

#: How long a step may still take when the worker is told to stop. A cluster gives a node that it
#: takes away as little as 15 seconds, and saving the job takes some of them.
_STEP_PATIENCE_SECONDS = 5.0

#: How often a call is retried while Redis is unreachable.
_RETRIES_PER_SECOND = 2


class WorkerProcess:
    """A process that runs jobs.

    Args:
        settings: the settings of the deployment.
        device_errors: the errors of the device that this worker's processes have had.
    """

    def __init__(self, settings: Settings, device_errors: DeviceErrors) -> None:
        self._device_errors = device_errors
        retries = round(settings.patience_seconds * _RETRIES_PER_SECOND)
        patient = connect(settings.redis_url, patience=retries)
        impatient = connect(settings.redis_url, patience=0)
        self._networks = Networks(settings.weights_dir, device_of(settings))
        self._stopping = False
        blobs = open_blobs(settings.blobs_url, s3_endpoint=settings.s3_endpoint, patience=retries)
        loader = PictureLoader(blobs, settings.max_picture_pixels)
        self._workers = number_of_workers(settings)
        networks = self._networks
        self._device_memory = WorkerMemory(networks.device, self._workers, networks.precision)
        self._messages = Messages(impatient)
        self._others = OtherProcesses()
        cores = SharedCores(
            open_slots(settings), self._count_waiting, self._workers, self._others.cores
        )
        store = JobStore(impatient)
        self._prefetcher = Prefetcher(store, loader, self._capacity)
        self.runner = Runner(
            JobStore(patient, settings.lease_seconds),
            JobQueue(make_celery(settings.redis_url)),
            blobs,
            Previews(impatient),
            self._networks,
            self._prefetcher.load,
            RunLimits(settings.checkpoint_seconds, settings.stall_seconds, settings.job_seconds),
            stopping=lambda: self._stopping,
            capacity=self._capacity,
            memory=lambda: self._memory().total,
            share_cores=cores.job,
            display_side=settings.display_side,
            film_frames=settings.film_frames,
            overlap=self._networks.device.type == "cuda",
        )
        self._registry = WorkerRegistry(connect(settings.redis_url, patience=2))
        self._step_rate = Rate(time.monotonic)
        count_error = store.background_errors.add
        self._heartbeat = Ticker("heartbeat", HEARTBEAT_SECONDS, self._send_heartbeat, count_error)

    def start(self) -> None:
        """Load the default network and start the heartbeat."""
        keep_freed_memory()
        try:
            self._networks.get(StyleParams().network)
        except WeightsUnavailable:
            # The worker stays up: each job tries again, and fails with this reason.
            _logger.exception("the network could not be loaded")
        _logger.info("worker ready", extra={"device": str(self._networks.device)})
        if self._networks.device.type == "cuda":  # on a CPU, prefetching would slow the current job
            self._prefetcher.start()
        self._heartbeat.start()

    def run(self) -> None:
        """Run the job that goes next. Ends the process if Redis or the device has become unusable.

        The job then keeps its record: its lease expires, and the reaper requeues it. A new process
        starts afresh.
        """
        steps = self.runner.steps
        try:
            self.runner.run()
        except RedisUnavailable:
            _logger.critical("Redis stayed unreachable; exiting")
            exit_now()
        except DeviceLost as error:
            self._device_errors.add(error.job_id, str(error))
            extra = {"job_id": error.job_id, "reason": str(error)}
            _logger.critical("the device failed; exiting", extra=extra)
            exit_now()
        if self.runner.steps > steps:
            self._device_errors.clear()

    def interrupt(self) -> None:
        """Hand the current job back at its next step, or soon without it, and start no other."""
        if not self._stopping:
            self._stopping = True
            timer = threading.Timer(_STEP_PATIENCE_SECONDS, self._abandon)
            timer.daemon = True
            timer.start()

    def _abandon(self) -> None:
        """End the process in the middle of a step, after its job was handed back."""
        if self.runner.abandon():
            exit_now()

    def stop(self) -> None:
        """Finish the last job, stop the threads, and withdraw the worker from the registry."""
        try:
            self.runner.wait()
        except RedisUnavailable:
            _logger.warning("the last job was not finished; its lease expires")
        self._heartbeat.stop()
        self._prefetcher.stop()
        try:
            self._registry.withdraw(self._info())
        except ServiceUnavailable:
            _logger.warning("worker not withdrawn; it is forgotten when its heartbeat expires")

    def _capacity(self) -> Capacity:
        avoided = self._device_errors.job_ids()
        return Capacity(self._memory().total, self._networks.precision, avoided)

    def _memory(self) -> DeviceMemory:
        return self._device_memory.measure()

    def _count_waiting(self) -> int:
        try:
            return self._messages.count()
        except ServiceUnavailable:
            return 0  # nobody can take jobs now

    def _send_heartbeat(self) -> None:
        self._others.cores()  # so that the next job learns of the last seconds, not of hours
        self._registry.announce(self._info())

    def _info(self) -> WorkerInfo:
        memory = self._memory()
        return WorkerInfo(
            id=f"{socket.gethostname()}:{os.getpid()}",
            device=str(self._networks.device),
            networks=self._networks.names(),
            memory_total_bytes=memory.total,
            precision=self._networks.precision,
            memory_available_bytes=memory.available,
            resident_bytes=resident_bytes(),
            steps=self.runner.steps,
            steps_per_second=self._step_rate.update(self.runner.steps),
            job_id=self.runner.job_id,
        )
