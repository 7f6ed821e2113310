"""Batches: jobs that were posted in one request, and that are watched and removed together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import PurePath
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from core.jobs.job import ANONYMOUS, RETENTION, Inputs
from core.jobs.schema_version import SCHEMA
from core.jobs.status import JobStatus
from core.params import StyleParams
from core.webhooks.webhook import Delivery, Webhook, WebhookEvent

#: The most content pictures of a batch, and the most jobs: each of them with five paintings.
MAX_CONTENTS, MAX_MEMBERS = 100, 500

_NOT_IN_NAMES = re.compile(r"[^\w.-]+")
_MAX_NAME = 80


class BatchMode(StrEnum):
    """How the pictures of a batch become jobs."""

    GRID = "grid"  #: Every content picture with every painting.
    PAIRS = "pairs"  #: The first content picture with the first painting, and so on.
    BLEND = "blend"  #: Every content picture with all paintings, blended.


class Combination(NamedTuple):
    """The pictures of one job, by their places in the request."""

    content: int
    styles: tuple[int, ...]


def combinations(mode: BatchMode, contents: int, styles: int) -> list[Combination]:
    """Return the jobs of a batch.

    Args:
        mode: how the pictures are combined.
        contents: the number of content pictures.
        styles: the number of paintings; as many with ``PAIRS``.
    """
    match mode:
        case BatchMode.GRID:
            return [Combination(i, (j,)) for i in range(contents) for j in range(styles)]
        case BatchMode.PAIRS:
            return [Combination(i, (i,)) for i in range(contents)]
        case BatchMode.BLEND:
            return [Combination(i, tuple(range(styles))) for i in range(contents)]


def member_names(
    jobs: Iterable[Combination], contents: Mapping[int, str], styles: Mapping[int, str]
) -> list[str]:
    """Return a name for each job, from the file names that were uploaded; no two are the same.

    Args:
        jobs: the jobs.
        contents: the file name of each content picture, possibly empty.
        styles: the file name of each painting, possibly empty.
    """
    jobs = list(jobs)
    alone = len({job.content for job in jobs}) == len(jobs)
    names: list[str] = []
    for content, painted_like in jobs:
        parts = [_stem(contents[content]) or f"content-{content + 1}"]
        if not alone:
            (style,) = painted_like
            parts.append(_stem(styles[style]) or f"style-{style + 1}")
        names.append(_unused("-".join(parts), set(names)))
    return names


def _stem(file_name: str) -> str:
    """Return a file name without folders, suffix, and characters that some systems refuse."""
    stem = PurePath(file_name.replace("\\", "/")).stem
    return _NOT_IN_NAMES.sub("_", stem).strip("._")[:_MAX_NAME]


def _unused(name: str, used: set[str]) -> str:
    # Windows and macOS do not tell capital letters from small ones in file names.
    taken = {each.casefold() for each in used}
    number, candidate = 1, name
    while candidate.casefold() in taken:
        number += 1
        candidate = f"{name}-{number}"
    return candidate


class Member(NamedTuple):
    """A new job of a batch."""

    job_id: str
    #: Names the result in the archive of the batch.
    name: str
    params: StyleParams
    inputs: Inputs
    #: Further fields of the record.
    fields: Mapping[str, str]


class Batch(BaseModel):
    """A batch, as its record in Redis describes it."""

    model_config = ConfigDict(frozen=True)

    id: str
    schema_version: int = Field(1, validation_alias=SCHEMA)
    owner: str = ANONYMOUS
    caller: str = ANONYMOUS
    request_id: str = ""
    traceparent: str = ""
    mode: BatchMode
    created_at: datetime
    finished_at: datetime | None = None
    #: The name of each job, in the order of the request, by its id.
    names: dict[str, str] = {}
    #: The status of each job that was not deleted, in the same order, as they were read with it.
    statuses: dict[str, JobStatus] = {}
    #: The id of the newest event.
    event: str
    webhook: Webhook | None = None
    deliveries: dict[WebhookEvent, Delivery] = {}
    retention_seconds: Annotated[float, Field(gt=0)] = RETENTION.total_seconds()

    @property
    def done(self) -> bool:
        """Whether every job has ended."""
        return self.finished_at is not None

    @property
    def expires_at(self) -> datetime | None:
        """When the last files of its jobs expire; None while one is unfinished."""
        return self.finished_at and self.finished_at + timedelta(seconds=self.retention_seconds)
