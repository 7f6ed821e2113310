"""Sweeps now and then, for as long as the api runs."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict

from fastapi import FastAPI

from api.deps import Services
from core.cleaning import Cleaner
from core.errors import ServiceUnavailable

_logger = logging.getLogger(__name__)

#: How often each api asks whether a sweep is due; one of them will be the one to do it.
_ASK_SECONDS = 60


@asynccontextmanager
async def housekeeping(app: FastAPI) -> AsyncIterator[None]:
    """Run a thread that sweeps whenever it is due. It may be cut off at any point."""
    services = app.state.services
    assert isinstance(services, Services)
    stopped = threading.Event()
    thread = threading.Thread(
        target=_keep_clean, args=(services.cleaner, stopped), name="cleaner", daemon=True
    )
    thread.start()
    yield
    stopped.set()
    await asyncio.to_thread(thread.join, 3)


def _keep_clean(cleaner: Cleaner, stopped: threading.Event) -> None:
    while True:
        try:
            swept = cleaner.sweep_if_due()
        except ServiceUnavailable as error:
            _logger.warning("sweep put off", extra={"reason": str(error)})
        else:
            if swept is not None:
                _logger.info("swept", extra=asdict(swept))
        if stopped.wait(_ASK_SECONDS):
            return
