"""The version of Easel, and the networks and devices of its workers."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from api.answers.error_docs import error_responses
from api.callers.authentication import count_visitor
from api.deps import ServicesDep
from core.params.choices import Network

router = APIRouter(tags=["about"], dependencies=[Depends(count_visitor)])


class Version(BaseModel):
    """The version of Easel, and the networks and devices that are available."""

    version: str = Field(description="The version of Easel.")
    networks: list[Network] = Field(description="The networks that a job can use.")
    devices: list[str] = Field(description="The devices of the live workers.")
    workers: int = Field(description="The number of live workers.")


@router.get(
    "/version",
    operation_id="get_version",
    summary="Read the version, networks and devices",
    responses=error_responses(503, public=True),
)
def get_version(services: ServicesDep) -> Version:
    """Return the version of Easel, and the networks and devices that are available."""
    workers = services.workers.live()
    return Version(
        version=version("easel"),
        networks=list(Network),
        devices=sorted({worker.device for worker in workers}),
        workers=len(workers),
    )
