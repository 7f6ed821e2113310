"""The application, put together from its services."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib import metadata
from typing import Protocol

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from api.answers.errors import install_error_handlers
from api.asgi.body_limit import BodyLimit
from api.asgi.headers import REQUEST_ID, CommonHeaders
from api.asgi.methods import HeadAndOptions
from api.callers.rate_limits import RateLimiter
from api.deps import Services
from api.intake.upload_limits import PictureInspector
from api.live.hub import Hub
from api.live.polls import PollMiddleware
from api.metrics import PrometheusMetrics
from api.metrics import router as metrics_router
from api.openapi import describe
from api.pages.assets import Assets
from api.pages.page import page_route
from api.pages.reference import reference_route
from api.routes import (
    events,
    health,
    jobs,
    links,
    listing,
    presets,
    preview,
    result,
    version,
    webhooks,
)


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
        await hub.close()
        await rate_limiter.close()

    metrics = PrometheusMetrics(services.census, services.workers)
    hub = Hub(services.settings.redis_url)
    rate_limiter = RateLimiter(services.settings.redis_url)
    app = FastAPI(
        lifespan=lifespan,
        docs_url=None,  # ours has a content security policy
        redoc_url=None,
        title="Easel",
        summary="Neural style transfer as a service.",
        version=metadata.version("easel"),
    )
    # The last one added is the first to see a request.
    app.add_middleware(BodyLimit, limits=services.settings)
    app.add_middleware(HeadAndOptions, routes=app.router.routes)
    app.add_middleware(PollMiddleware)
    app.state.services = services
    app.state.hub = hub
    app.state.rate_limiter = rate_limiter
    app.state.metrics = metrics
    app.state.inspector = PictureInspector(services)
    install_error_handlers(app)
    for part in (listing, jobs, events, result, preview, links, webhooks, presets, version):
        app.include_router(part.router)
    app.include_router(health.router)
    app.include_router(metrics_router)
    assets = Assets()
    app.router.routes += [
        page_route(assets, services.settings),
        reference_route(assets, app.title),
        assets.route(),
    ]
    describe(app)
    # Round Starlette's own outermost layer, which answers what nobody expected.
    let_in = _let_pages_in(app.build_middleware_stack(), services.settings.cors_origins)
    app.middleware_stack = CommonHeaders(let_in, metrics.answered)
    return app


def _let_pages_in(app: ASGIApp, origins: tuple[str, ...]) -> ASGIApp:
    """Let the pages of other origins read our answers."""
    if not origins:
        return app
    return CORSMiddleware(
        app,
        allow_origins=origins,
        allow_methods=["GET", "HEAD", "POST", "DELETE"],
        allow_headers=[
            *("Authorization", "X-API-Key", "Content-Type", "Idempotency-Key", "Prefer"),
            *("If-None-Match", "Last-Event-ID", REQUEST_ID),
        ],
        expose_headers=[
            *("Location", "Retry-After", "ETag", "Idempotent-Replayed", "Content-Disposition"),
            *("Preference-Applied", "WWW-Authenticate", REQUEST_ID),
        ],
        max_age=3600,
    )
