"""The job record: what it holds, its states, and the moves between them."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field
from uuid_utils import UUID, uuid7

from core.jobs.schema_version import SCHEMA
from core.params import StyleParams
from core.webhooks.webhook import Delivery, Webhook, WebhookEvent

#: The owner of the jobs that were posted without a key.
ANONYMOUS = "anonymous"

#: How long a finished job's files are kept, unless a deployment says otherwise.
RETENTION = timedelta(hours=24)


class JobStatus(StrEnum):
    """The states of a job. The last three are final."""

    QUEUED = "queued"  #: Accepted; waits for a worker.
    RUNNING = "running"  #: A worker has claimed it and is optimising.
    SUCCEEDED = "succeeded"  #: The result is there.
    FAILED = "failed"  #: It ended without a result; `error` says why.
    CANCELED = "canceled"  #: The caller called it off.

    @property
    def done(self) -> bool:
        """Whether the state is final."""
        return not TRANSITIONS[self]


#: Every legal move. The Lua scripts of ``core.store.jobs`` make each one atomically.
TRANSITIONS: dict[JobStatus, frozenset[JobStatus]] = {
    JobStatus.QUEUED: frozenset({JobStatus.RUNNING, JobStatus.CANCELED}),
    JobStatus.RUNNING: frozenset(
        {JobStatus.QUEUED, JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELED}
    ),
    JobStatus.SUCCEEDED: frozenset(),
    JobStatus.FAILED: frozenset(),
    JobStatus.CANCELED: frozenset(),
}


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Loss(_Frozen):
    """The objective's terms at one step, as defined in ``core.nst.losses``."""

    total: float
    content: float
    style: float
    tv: float


class Progress(_Frozen):
    """How far a running job has come."""

    step: int
    steps: int
    #: The part of the work that is done, 0 to 1.
    fraction: float
    #: Which scale of the pyramid this is, from 0, and how many there are.
    scale: int
    scales: int
    width: int
    height: int
    loss: Loss
    eta_seconds: float | None = None


class Failure(_Frozen):
    """Why a job failed."""

    code: str
    message: str
    retryable: bool


class Picture(_Frozen):
    """A stored picture file."""

    sha256: str
    media_type: str
    size_bytes: int


class Metrics(_Frozen):
    """What a finished run took."""

    #: Of the last attempt: from the network being there to the last step.
    optimize_seconds: float
    device: str
    #: Steps made over all scales, and the most memory that the device had in use.
    steps: int | None = None
    peak_memory_bytes: int | None = None


class Inputs(_Frozen):
    """The pictures that came with a job."""

    content: Picture
    styles: tuple[Picture, ...]
    init_image: Picture | None = None
    content_mask: Picture | None = None
    style_masks: tuple[Picture, ...] = ()

    def pictures(self) -> tuple[Picture, ...]:
        """All of them."""
        single = [each for each in (self.init_image, self.content_mask) if each is not None]
        return (self.content, *self.styles, *single, *self.style_masks)


class Job(_Frozen):
    """One job, as the record in Redis has it."""

    id: str
    #: Which version's readers do right by the record: see ``core.jobs.schema_version``.
    schema_version: int = Field(1, validation_alias=SCHEMA)
    status: JobStatus
    #: How often a worker has claimed the job. A write names the attempt it
    #: belongs to and is refused when another attempt has begun.
    attempt: int = 0
    #: Who posted it, and alone may see it.
    owner: str = ANONYMOUS
    #: What the limits count it by: the owner, or the address of an anonymous one.
    caller: str = ANONYMOUS
    #: By which the request that posted it can be found in the logs.
    request_id: str = ""
    #: How many of those were given back by a worker that was told to stop.
    handed_back: int = 0
    params: StyleParams
    inputs: Inputs
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    progress: Progress | None = None
    #: The blob from which the next attempt goes on.
    checkpoint: str | None = None
    #: Written a moment before the job succeeds; it counts once the status says so.
    result: Picture | None = None
    #: The small picture of it; while the job runs, previews are counted and kept apart.
    preview: Picture | None = None
    preview_version: int = 0
    metrics: Metrics | None = None
    error: Failure | None = None
    #: The trace of the request that posted it, as W3C Trace Context writes it.
    traceparent: str = ""
    #: Whom to tell of its events, and how that stands.
    webhook: Webhook | None = None
    deliveries: dict[WebhookEvent, Delivery] = {}
    #: How long its files are kept after its end.
    retention_seconds: float = RETENTION.total_seconds()

    @property
    def expires_at(self) -> datetime | None:
        """When its files expire; None while it is unfinished."""
        return self.finished_at and self.finished_at + timedelta(seconds=self.retention_seconds)

    @property
    def attempts(self) -> int:
        """How many attempts count: those that a worker did not hand back."""
        return self.attempt - self.handed_back


def new_job_id() -> str:
    """A UUIDv7: sorts by time of creation, and cannot be guessed."""
    return str(uuid7())


def time_of(job_id: str) -> float:
    """When the id was made, in seconds since 1970."""
    return int(job_id[:8] + job_id[9:13], 16) / 1000


def is_job_id(text: str) -> bool:
    """Whether the text could be a job id, in the one spelling that Easel writes."""
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
