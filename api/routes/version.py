"""The versions of Easel and of what its workers compute with."""

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
    """What answers."""

    version: str = Field(description="Of Easel.")
    networks: list[Network] = Field(description="Which can be asked for.")
    devices: list[str] = Field(description="What the workers that are alive compute on.")
    workers: int = Field(description="How many are alive.")


@router.get("/version", operation_id="get_version", responses=error_responses(503))
def get_version(caller: CallerDep, services: ServicesDep) -> Version:  # noqa: ARG001 - counted
    """The version of Easel, and what its workers compute with."""
    workers = services.workers.live()
    return Version(
        version=version("easel"),
        networks=list(Network),
        devices=sorted({worker.device for worker in workers}),
        workers=len(workers),
    )
