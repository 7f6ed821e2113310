"""The ASGI application, assembled from its routes and middleware."""

from __future__ import annotations

import asyncio
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
from api.asgi.open_requests import OpenRequests
from api.callers.rate_limits import RateLimiter
from api.deps import Services
from api.intake.inspector import PictureInspector
from api.live.hub import Hub
from api.live.polls import PollMiddleware
from api.metrics import PrometheusMetrics
from api.metrics import router as metrics_router
from api.openapi import openapi_route
from api.pages.assets import Assets
from api.pages.llms import llms_route
from api.pages.page import page_route
from api.pages.reference import reference_route
from api.routes import (
    events,
    film,
    health,
    jobs,
    links,
    listing,
    losses,
    presets,
    preview,
    result,
    tuning,
    version,
    webhooks,
)
from api.routes.batches import batch
from api.routes.batches import events as batch_events
from api.routes.batches import result as batch_result


class Background(Protocol):
    """A task that runs as long as the application."""

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def problem(self) -> str | None:
        """Return a message for the operator if the task does not work."""


def create_app(services: Services, background: Sequence[Background] = ()) -> FastAPI:
    """Return the ASGI application.

    Args:
        services: the services that handlers use.
        background: tasks that start and stop with the application.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        for task in background:
            task.start()
        yield
        for task in background:
            task.stop()
        await hub.close()
        await rate_limiter.close()

    metrics = PrometheusMetrics(services.statistics, services.workers)
    hub = Hub(services.settings.redis_url)
    rate_limiter = RateLimiter(services.settings.redis_url)
    app = FastAPI(
        lifespan=lifespan,
        openapi_url=None,  # api.openapi completes the document
        docs_url=None,  # api.pages.reference has a content security policy
        redoc_url=None,
        title="Easel",
        summary="Neural style transfer as a service.",
        version=metadata.version("easel"),
    )
    # The middleware that is added last sees a request first.
    app.add_middleware(BodyLimit, limits=services.settings)
    app.add_middleware(HeadAndOptions, routes=app.router.routes)
    app.add_middleware(PollMiddleware)
    app.add_middleware(OpenRequests, limits=services.settings)
    app.state.services = services
    app.state.hub = hub
    app.state.rate_limiter = rate_limiter
    app.state.metrics = metrics
    app.state.background = background
    app.state.inspector = PictureInspector(services)
    app.state.film_turn = asyncio.Semaphore(1)
    install_error_handlers(app)
    for resource in (
        listing,
        jobs,
        batch,
        batch_events,
        batch_result,
        events,
        result,
        preview,
        losses,
        film,
        tuning,
        links,
        webhooks,
        presets,
        version,
    ):
        app.include_router(resource.router)
    app.include_router(health.router)
    app.include_router(metrics_router)
    assets = Assets()
    films = film.offered_formats() if services.settings.film_frames else ()
    app.router.routes += [
        openapi_route(app),
        page_route(assets, services.settings, services.offered_size, films),
        reference_route(assets, app.title),
        llms_route(),
        assets.route(),
    ]
    # Outside Starlette's own outermost layer, which answers unexpected errors.
    with_cors = _with_cors(app.build_middleware_stack(), services.settings.cors_origins)
    app.middleware_stack = CommonHeaders(with_cors, metrics.observe)
    return app


def _with_cors(app: ASGIApp, origins: tuple[str, ...]) -> ASGIApp:
    """Allow pages from the given origins to use the API."""
    if not origins:
        return app
    return CORSMiddleware(
        app,
        allow_origins=origins,
        allow_methods=["GET", "HEAD", "POST", "PATCH", "DELETE"],
        allow_headers=["*"],  # without cookies, no header gives a page more than a script has
        expose_headers=[
            *("Location", "Retry-After", "ETag", "Idempotent-Replayed", "Content-Disposition"),
            *("Preference-Applied", "WWW-Authenticate", REQUEST_ID),
            *("Accept-Ranges", "Content-Range"),
        ],
        max_age=3600,
    )
