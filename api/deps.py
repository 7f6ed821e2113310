"""What handlers ask for, as types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from core.addresses import PromptGuard
from core.blobs import Blobs
from core.keyring import KeyRing
from core.queue import JobQueue
from core.sandbox import Sandbox
from core.settings import Settings
from core.signing import WebhookSecrets
from core.statistics import Census
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
    census: Census
    webhooks: WebhookSecrets
    #: Knows where webhooks are not sent.
    guard: PromptGuard
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
