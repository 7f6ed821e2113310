"""What would become of a job: the answer to ``validate_only``."""

from __future__ import annotations

from pydantic import BaseModel, Field

from api.deps import Services
from api.intake.form import Submission
from core.jobs.admission import Admission
from core.jobs.forecast import Forecast
from core.params import StyleParams


class Estimate(BaseModel):
    """A job that would be accepted now, and what it would take."""

    valid: bool = Field(True, description="Always true: what does not fit is a 422.")
    params: StyleParams = Field(description="Every parameter, as resolved.")
    memory_bytes: int = Field(description="What a worker needs for it on the CPU, at most.")
    queue_position: int = Field(description="How many jobs wait before it.")
    start_seconds: float | None = Field(
        description="In how long a worker would begin it; null while nothing is known of that."
    )
    run_seconds: float | None = Field(
        description="What a job has taken of late, of whatever size; null before the first."
    )


def estimate(
    submission: Submission, admission: Admission, forecast: Forecast, services: Services
) -> Estimate:
    """The estimate for a submission that was checked.

    Args:
        submission: what was posted.
        admission: the terms, with the workers that are alive.
        forecast: when they become free.
        services: to ask how busy they are.
    """
    load = services.store.load(admission.caller, admission.max_jobs_per_caller)
    seconds = forecast.wait(load.queued)
    return Estimate(
        params=submission.params,
        memory_bytes=admission.memory_needed(submission.params, submission.pixels),
        queue_position=load.queued,
        start_seconds=None if seconds is None else round(seconds, 1),
        run_seconds=None if load.run_seconds is None else round(load.run_seconds, 1),
    )
