"""The application, put together from its services."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Protocol

from fastapi import FastAPI

from api import health, jobs, listing, removal, results, webhooks
from api.deps import Services
from api.errors import install_error_handlers
from api.middleware import BodyLimit
from api.rates import Rates


class Background(Protocol):
    """Something that goes on beside the requests."""

    def start(self) -> None:
        """Begin."""

    def stop(self) -> None:
        """End."""


def create_app(services: Services, background: Sequence[Background] = ()) -> FastAPI:
    """The ASGI application.

    Args:
        services: what it works with.
        background: what goes on beside the requests, while the server runs.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        for each in background:
            each.start()
        yield
        for each in background:
            each.stop()
        await rates.close()

    rates = Rates(services.settings.redis_url)
    app = FastAPI(
        lifespan=lifespan,
        title="Easel",
        summary="Neural style transfer as a service.",
        version=version("easel"),
    )
    app.add_middleware(BodyLimit, max_bytes=services.settings.max_body_bytes)
    app.state.services = services
    app.state.rates = rates
    install_error_handlers(app)
    for part in (listing, jobs, results, removal, webhooks):
        app.include_router(part.router)
    app.include_router(health.router)
    return app
