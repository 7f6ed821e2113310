"""The history of a job's losses."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from api.answers.error_docs import error_responses
from api.callers.visibility import JobDep
from api.deps import ServicesDep
from core.jobs.losses import CSV_HEADER, LossPoint, parse_point

router = APIRouter(tags=["jobs"])


class LossFormat(StrEnum):
    """A format of the history."""

    JSON = "json"
    CSV = "csv"


class Losses(BaseModel):
    """The losses of a run, oldest first."""

    items: list[LossPoint] = Field(
        description="At most 200 points, and one more at each change of scale. "
        "Empty before the first step, and after the files of the job have expired."
    )


@router.get(
    "/jobs/{job_id}/losses",
    operation_id="list_losses",
    summary="Read the losses of a job",
    response_model=Losses,
    responses={
        200: {
            "description": "The history, as JSON or as a CSV file.",
            "content": {"text/csv": {"schema": {"type": "string"}}},
        },
        **error_responses(404, 422, 503),
    },
)
def list_losses(
    job: JobDep,
    services: ServicesDep,
    response: Response,
    wanted: Annotated[
        LossFormat,
        Query(alias="format", description="`csv` has the same fields, with a header line."),
    ] = LossFormat.JSON,
) -> Losses | Response:
    """Return how the losses changed during the run, also while it goes on."""
    lines = services.store.losses(job.id)
    headers = {"Cache-Control": "private, no-cache"}
    if wanted is LossFormat.CSV:
        headers["Content-Disposition"] = f'attachment; filename="easel-{job.id[-8:]}.csv"'
        text = "\n".join([CSV_HEADER, *lines, ""])
        return Response(text, media_type="text/csv; charset=utf-8", headers=headers)
    response.headers.update(headers)
    return Losses(items=[parse_point(line) for line in lines])
