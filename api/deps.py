"""What handlers ask for, as types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from core.blobs import Blobs
from core.queue import JobQueue
from core.settings import Settings
from core.store import JobStore
from core.workers import WorkerRegistry


@dataclass(frozen=True)
class Services:
    """Everything the api works with."""

    settings: Settings
    store: JobStore
    blobs: Blobs
    queue: JobQueue
    workers: WorkerRegistry


async def _services(request: Request) -> Services:  # async: a thread would cost more
    services = request.app.state.services
    assert isinstance(services, Services)
    return services


ServicesDep = Annotated[Services, Depends(_services)]
