"""Liveness, and readiness: whether a job posted now would be processed."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from api.deps import Services, ServicesDep
from core.errors import ServiceUnavailable
from core.jobs.workers import WorkerInfo
from core.upkeep.retention import explain_unknown

router = APIRouter(tags=["health"])


class WorkerView(BaseModel):
    """A live worker. The job that it runs is visible only to the job's owner."""

    id: str
    device: str
    networks: tuple[str, ...]
    memory_total_bytes: int | None = Field(
        description="The memory of its device; null if it is not known."
    )
    memory_available_bytes: int | None
    busy: bool = Field(description="Whether the worker is running a job.")


#: Fields of a worker that are private, or that only the metrics show.
_HIDDEN = {"job_id", "precision", "resident_bytes", "steps", "steps_per_second"}


def _worker_view(worker: WorkerInfo) -> WorkerView:
    fields = worker.model_dump(exclude=_HIDDEN)
    return WorkerView(**fields, busy=worker.job_id is not None)


class Readiness(BaseModel):
    """Whether each part that a job needs is available."""

    ready: bool
    missing: list[str] = Field(description="The missing parts: redis, blobs, workers.")
    redis: str = Field(description="`ok`, or an error message.")
    blobs: str = Field(description="`ok`, or an error message.")
    workers: list[WorkerView] = Field(description="The live workers.")
    warnings: list[str] = Field(
        description="Problems that an operator should look at, ready or not."
    )


@router.get("/healthz", operation_id="get_health", summary="Check that the API is alive")
async def healthz() -> dict[str, str]:
    """Report that the API process is alive."""
    # Not in the thread pool: calls to a Redis that hangs may fill it.
    return {"status": "ok"}


@router.get(
    "/readyz",
    operation_id="get_readiness",
    summary="Check that every part is available",
    response_model=Readiness,
    responses={503: {"model": Readiness, "description": "A part is missing: see `missing`."}},
)
def readyz(request: Request, services: ServicesDep, response: Response) -> Readiness:
    """Report whether every part that a job needs is available; 503 if one is missing."""
    redis, workers = _check_redis(services)
    blobs = _check_blobs(services)
    available = {"redis": redis == "ok", "blobs": blobs == "ok", "workers": bool(workers)}
    missing = [name for name, ok in available.items() if not ok]
    if missing:
        response.status_code = 503
        response.headers["Retry-After"] = "2"
    return Readiness(
        ready=not missing,
        missing=missing,
        redis=redis,
        blobs=blobs,
        workers=[_worker_view(worker) for worker in workers],
        warnings=[*_warnings(services), *_background(request)] if redis == "ok" else [],
    )


def _check_redis(services: Services) -> tuple[str, list[WorkerInfo]]:
    try:
        return "ok", services.workers.live()
    except ServiceUnavailable as error:
        return str(error), []


def _warnings(services: Services) -> list[str]:
    try:
        unknown = services.statistics.read().unknown_blobs
        durability = services.durability.warnings()
        paused = services.store.paused_since()
        broken = [f"worker out of service: {each}" for each in services.workers.out_of_service()]
    except ServiceUnavailable:  # Redis became unavailable just now
        return []
    pause = [f"the queue is paused since {paused:%Y-%m-%d %H:%M:%SZ}"] if paused else []
    return [*pause, *durability, *broken, *([explain_unknown(unknown)] if unknown else [])]


def _background(request: Request) -> list[str]:
    """Return the problems of the background threads of this process."""
    return [problem for task in request.app.state.background if (problem := task.problem())]


def _check_blobs(services: Services) -> str:
    try:
        services.blobs.check()
    except ServiceUnavailable as error:
        return str(error)
    return "ok"
