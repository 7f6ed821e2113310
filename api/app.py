"""The application, put together from its services."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import FastAPI

from api import health, jobs
from api.deps import Services
from api.errors import install_error_handlers
from api.housekeeping import housekeeping
from api.middleware import BodyLimit


def create_app(services: Services) -> FastAPI:
    """The ASGI application."""
    app = FastAPI(
        title="Easel",
        summary="Neural style transfer as a service.",
        version=version("easel"),
        lifespan=housekeeping,
    )
    app.add_middleware(BodyLimit, max_bytes=services.settings.max_body_bytes)
    app.state.services = services
    install_error_handlers(app)
    app.include_router(jobs.router)
    app.include_router(health.router)
    return app
