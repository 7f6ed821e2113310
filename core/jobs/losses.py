"""The history of a job's losses: a bounded number of points, from the first step to the last."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

#: How many points a run has at most, besides one at each change of scale. They lie at even
#: distances of the work done, so the first steps of a long run are not crowded out by the last.
POINTS = 200


class LossPoint(BaseModel):
    """The losses at one step. The fields are in the order in which they are stored."""

    model_config = ConfigDict(frozen=True)

    step: int = Field(description="The step, counted over all scales.")
    fraction: float = Field(description="The share of the work that was done, from 0 to 1.")
    scale: int = Field(description="The scale of the pyramid, counted from 0.")
    width: int
    height: int
    total: float = Field(description="The weighted sum that the optimiser reduces.")
    content: float
    style: float
    tv: float


#: The header of a CSV file of points.
CSV_HEADER = ",".join(LossPoint.model_fields)


def parse_point(line: str) -> LossPoint:
    """Return the point in a stored line, which is a line of the CSV file."""
    fields = zip(LossPoint.model_fields, line.split(","), strict=True)
    return LossPoint.model_validate(dict(fields))
