"""The api process: ``uvicorn --factory api.main:build``."""

from __future__ import annotations

from fastapi import FastAPI

from api.app import create_app
from api.deps import Services
from core.blobs import open_blobs
from core.cleaning import Cleaner
from core.connections import connect
from core.logs import configure_logging
from core.queue import JobQueue, make_celery
from core.settings import Settings
from core.store import JobStore
from core.ticker import Ticker
from core.workers import WorkerRegistry

#: How often each api asks whether a sweep is due; one of them will be the one to do it.
_ASK_SECONDS = 60


def build() -> FastAPI:
    """The application, with its services as the environment sets them."""
    settings = Settings()
    configure_logging(settings.log_level, part="api")
    redis = connect(settings.redis_url, patience=2)
    blobs = open_blobs(settings.blobs_url, s3_endpoint=settings.s3_endpoint)
    return create_app(
        Services(
            settings=settings,
            store=JobStore(redis, retention=settings.retention),
            blobs=blobs,
            queue=JobQueue(make_celery(settings.redis_url)),
            workers=WorkerRegistry(redis),
        ),
        background=[Ticker("cleaner", _ASK_SECONDS, Cleaner(redis, blobs).sweep_if_due)],
    )
