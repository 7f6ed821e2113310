"""The version of Easel, and the networks and devices of its workers."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.answers.error_docs import error_responses
from api.callers.authentication import CallerDep
from api.deps import ServicesDep
from core.params.choices import Network

router = APIRouter(tags=["about"])


class Version(BaseModel):
    """The version of Easel, and the networks and devices that are available."""

    version: str = Field(description="The version of Easel.")
    networks: list[Network] = Field(description="The networks that a job can use.")
    devices: list[str] = Field(description="The devices of the live workers.")
    workers: int = Field(description="The number of live workers.")


@router.get("/version", operation_id="get_version", responses=error_responses(503))
def get_version(caller: CallerDep, services: ServicesDep) -> Version:  # noqa: ARG001 - for the rate limit
    """Return the version of Easel, and the networks and devices that are available."""
    workers = services.workers.live()
    return Version(
        version=version("easel"),
        networks=list(Network),
        devices=sorted({worker.device for worker in workers}),
        workers=len(workers),
    )
