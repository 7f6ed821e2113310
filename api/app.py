"""The application, put together from its services."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI

from api import events, health, jobs, previews
from api.deps import Services
from api.errors import install_error_handlers
from api.live import Live
from api.middleware import BodyLimit
from core.ticker import Ticker


def create_app(services: Services, background: Sequence[Ticker] = ()) -> FastAPI:
    """The ASGI application.

    Args:
        services: what it works with.
        background: what goes on beside the requests, while the server runs.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        for ticker in background:
            ticker.start()
        yield
        for ticker in background:
            ticker.stop()
        await live.close()

    live = Live(services.settings.redis_url)
    app = FastAPI(
        lifespan=lifespan,
        title="Easel",
        summary="Neural style transfer as a service.",
        version=version("easel"),
    )
    app.add_middleware(BodyLimit, max_bytes=services.settings.max_body_bytes)
    app.state.services = services
    app.state.live = live
    install_error_handlers(app)
    app.include_router(jobs.router)
    app.include_router(events.router)
    app.include_router(previews.router)
    app.include_router(health.router)
    return app
