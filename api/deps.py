"""The services of the API, as a dependency of its handlers."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from core.blobs.blobs import Blobs
from core.errors import ServiceUnavailable
from core.jobs.sizes import offered_size
from core.jobs.workers import WorkerInfo
from core.pictures.sandbox import Sandbox
from core.queue.app import JobQueue
from core.settings.model import Settings
from core.store.api_keys import KeyRing
from core.store.jobs import JobStore
from core.store.statistics import StatisticsReader
from core.store.webhooks.secrets import WebhookSecrets
from core.store.workers import WorkerRegistry
from core.upkeep.durability import DurabilityCheck
from core.webhooks.addresses import AddressGuard


@dataclass(frozen=True)
class Services:
    """The stores, queues and guards that handlers use."""

    settings: Settings
    store: JobStore
    blobs: Blobs
    queue: JobQueue
    workers: WorkerRegistry
    statistics: StatisticsReader
    durability: DurabilityCheck
    webhooks: WebhookSecrets
    #: Decides whether a webhook may be sent to an address.
    guard: AddressGuard
    keyring: KeyRing
    sandbox: Sandbox

    def offered_size(self) -> int:
        """Return the largest size at which any picture is accepted, in pixels."""
        workers: list[WorkerInfo] = []
        with suppress(ServiceUnavailable):
            workers = list(self.workers.live())
        return offered_size(self.settings.max_size, workers)


def services_of(request: Request) -> Services:
    """Return the services of the application."""
    services = request.app.state.services
    assert isinstance(services, Services)
    return services


async def _services(request: Request) -> Services:
    return services_of(request)


ServicesDep = Annotated[Services, Depends(_services)]
