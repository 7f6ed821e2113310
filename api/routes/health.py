"""Whether the api is alive, and whether a job posted now would be done."""

from __future__ import annotations

from fastapi import APIRouter, Response

from api.answers.schemas import Readiness, worker_view
from api.deps import Services, ServicesDep
from core.errors import ServiceUnavailable
from core.store.workers import WorkerInfo
from core.upkeep.cleaner import explain_unknown

router = APIRouter(tags=["health"])


@router.get("/healthz", operation_id="get_health")
def healthz() -> dict[str, str]:
    """The api process is alive."""
    return {"status": "ok"}


@router.get(
    "/readyz",
    operation_id="get_readiness",
    response_model=Readiness,
    responses={503: {"model": Readiness, "description": "Something is missing: see `missing`."}},
)
def readyz(services: ServicesDep, response: Response) -> Readiness:
    """Whether every part that a job needs is there; 503 while one is missing."""
    redis, workers = _look_at_redis(services)
    blobs = _look_at_blobs(services)
    there = {"redis": redis == "ok", "blobs": blobs == "ok", "workers": bool(workers)}
    missing = [name for name, ok in there.items() if not ok]
    if missing:
        response.status_code = 503
        response.headers["Retry-After"] = "2"
    return Readiness(
        ready=not missing,
        missing=missing,
        redis=redis,
        blobs=blobs,
        workers=[worker_view(worker) for worker in workers],
        warnings=_warnings(services) if redis == "ok" else [],
    )


def _look_at_redis(services: Services) -> tuple[str, list[WorkerInfo]]:
    try:
        return "ok", services.workers.live()
    except ServiceUnavailable as error:
        return str(error), []


def _warnings(services: Services) -> list[str]:
    try:
        unknown = services.census.take().unknown_blobs
    except ServiceUnavailable:  # it went just now
        return []
    return [explain_unknown(unknown)] if unknown else []


def _look_at_blobs(services: Services) -> str:
    try:
        services.blobs.check()
    except ServiceUnavailable as error:
        return str(error)
    return "ok"
