"""What handlers ask for, as types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from core.blobs.blobs import Blobs
from core.pictures.sandbox import Sandbox
from core.queue.app import JobQueue
from core.settings.model import Settings
from core.store.api_keys import KeyRing
from core.store.jobs import JobStore
from core.store.signing import WebhookSecrets
from core.store.statistics import Census
from core.store.workers import WorkerRegistry
from core.webhooks.addresses import AddressGuard


@dataclass(frozen=True)
class Services:
    """Everything the api works with."""

    settings: Settings
    store: JobStore
    blobs: Blobs
    queue: JobQueue
    workers: WorkerRegistry
    census: Census
    webhooks: WebhookSecrets
    #: Knows where webhooks are not sent.
    guard: AddressGuard
    keyring: KeyRing
    sandbox: Sandbox


def services_of(request: Request) -> Services:
    """What the api works with."""
    services = request.app.state.services
    assert isinstance(services, Services)
    return services


async def _services(request: Request) -> Services:
    return services_of(request)


ServicesDep = Annotated[Services, Depends(_services)]
