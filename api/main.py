"""The composition root of the API: ``uvicorn --factory api.main:build``."""

from __future__ import annotations

from fastapi import FastAPI

from api.app import create_app
from api.deps import Services
from api.server import raise_file_limit
from api.webhooks.dispatcher import Dispatcher
from core.blobs.blobs import open_blobs
from core.pictures.sandbox import Sandbox
from core.pictures.sandbox_process import Bounds
from core.queue.app import JobQueue, WebhookQueue, make_celery
from core.runtime.logs import configure_logging
from core.runtime.redis import API_SECONDS, connect
from core.runtime.resources import memory_limit
from core.runtime.ticker import Ticker
from core.runtime.tracing import start_tracing
from core.settings.model import Settings
from core.store.api_keys import KeyRing, KeyStore
from core.store.jobs import JobStore
from core.store.statistics import StatisticsReader
from core.store.webhooks.outbox import Outbox
from core.store.webhooks.secrets import WebhookSecrets
from core.store.workers import WorkerRegistry
from core.upkeep.cleaner import Cleaner
from core.upkeep.durability import DurabilityCheck
from core.upkeep.reaper import Reaper
from core.webhooks.addresses import AddressGuard, TimedResolver

#: How often each API process checks whether a cleanup is due. Only one of them runs it.
_CLEANUP_CHECK_SECONDS = 60

#: How long a cleanup may take. The first one of a large bucket takes long.
_CLEANUP_PATIENCE_SECONDS = 3600

#: The most seconds of wall-clock time that a second of processor time may take. If decoding
#: takes longer, the machine is too busy.
_CLOCK_FACTOR = 4

#: The longest wait for the name of a webhook's host, while a job is submitted.
_RESOLVE_SECONDS = 2.0
_RESOLVER_THREADS = 4


def build() -> FastAPI:
    """Return the application with its services, configured by environment variables."""
    settings = Settings().within(memory_limit()).within_files(raise_file_limit())
    configure_logging(settings.log_level, "api", settings.log_format)
    start_tracing("api")
    redis = connect(settings.redis_url, patience=2, give_up_seconds=API_SECONDS)
    blobs = open_blobs(settings.blobs_url, s3_endpoint=settings.s3_endpoint)
    celery = make_celery(settings.redis_url)
    queue = JobQueue(celery)
    reaper = Reaper(
        redis,
        queue,
        lease_seconds=settings.lease_seconds,
        every_seconds=settings.sweep_seconds,
        max_attempts=settings.max_attempts,
    )
    sandbox = Sandbox(
        settings.decoders,
        Bounds(
            memory_bytes=settings.decode_memory_bytes,
            seconds=settings.decode_seconds,
            clock_seconds=settings.decode_seconds * _CLOCK_FACTOR,
        ),
    )
    cleaner = Cleaner(redis, blobs, tombstone=settings.record_retention)
    store = JobStore(redis, settings.lease_seconds, retention=settings.retention)
    count_error = store.background_errors.add
    return create_app(
        Services(
            settings=settings,
            store=store,
            blobs=blobs,
            queue=queue,
            workers=WorkerRegistry(redis),
            statistics=StatisticsReader(redis),
            durability=DurabilityCheck(redis),
            webhooks=WebhookSecrets(redis, settings.webhook_secret.get_secret_value()),
            guard=AddressGuard(
                settings.webhook_allowed_networks,
                TimedResolver(_RESOLVE_SECONDS, threads=_RESOLVER_THREADS),
            ),
            keyring=KeyRing(KeyStore(redis)),
            sandbox=sandbox,
        ),
        background=[
            sandbox,
            Ticker("reaper", settings.sweep_seconds, reaper.sweep, count_error),
            Ticker(
                "cleaner",
                _CLEANUP_CHECK_SECONDS,
                cleaner.sweep_if_due,
                count_error,
                patience_seconds=_CLEANUP_PATIENCE_SECONDS,
            ),
            Dispatcher(Outbox(redis, settings.webhook_timeout), WebhookQueue(celery), count_error),
        ],
    )
