"""The job record: its fields, and how the store treats each of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from uuid_utils import UUID, uuid7

from core.jobs.schema_version import SCHEMA
from core.jobs.status import JobStatus
from core.jobs.waiting.turns import Priority
from core.params import Precision, StyleParams
from core.params.edits import Edits
from core.webhooks.webhook import Delivery, Webhook, WebhookEvent

#: The owner of jobs that were posted with neither an API key nor the cookie of a browser.
ANONYMOUS = "anonymous"

#: The name of an owner that is a browser begins so. A name of an API key has no colon.
BROWSER_PREFIX = "browser:"

#: How long the files of a finished job are kept by default.
RETENTION = timedelta(hours=24)

#: How long the record of a finished job is kept after its files have expired.
TOMBSTONE = timedelta(days=7)


class Mark(Enum):
    """How the store treats a field of the job record; see the annotations of :class:`Job`."""

    #: Events leave the field out: it is private, or never changes.
    NOT_IN_EVENTS = auto()
    #: The field names blobs that the job needs as long as it exists.
    HOLDS_BLOBS = auto()
    #: An attempt wrote the field. A job that does not succeed loses it when it ends.
    OF_ATTEMPT = auto()


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Loss(_Frozen):
    """The terms of the objective at one step, as defined in ``core.nst.losses``."""

    total: float
    content: float
    style: float
    tv: float


class Progress(_Frozen):
    """The progress of a running job."""

    step: int
    steps: int
    #: The share of the work that is done, from 0 to 1.
    fraction: float
    #: The current scale of the pyramid, counted from 0, and the number of scales.
    scale: int
    scales: int
    width: int
    height: int
    loss: Loss
    eta_seconds: float | None = None


class Failure(_Frozen):
    """The reason why a job failed."""

    code: str
    message: str
    retryable: bool


class Picture(_Frozen):
    """A stored picture file."""

    sha256: str
    media_type: str
    size_bytes: int


class Metrics(_Frozen):
    """Measurements of a finished run."""

    #: The duration of the last attempt, from the loaded network to the last step.
    optimize_seconds: float
    device: str
    #: The number of steps at all scales, and the peak of the device's memory.
    steps: int | None = None
    peak_memory_bytes: int | None = None
    #: The number of threads on the CPU.
    threads: int | None = None


class Inputs(_Frozen):
    """The uploaded pictures of a job."""

    content: Picture
    styles: tuple[Picture, ...]
    init_image: Picture | None = None
    content_mask: Picture | None = None
    style_masks: tuple[Picture, ...] = ()
    detail_map: Picture | None = None

    def pictures(self) -> tuple[Picture, ...]:
        """Return all of the pictures."""
        single = (self.init_image, self.content_mask, self.detail_map)
        given = [each for each in single if each is not None]
        return (self.content, *self.styles, *given, *self.style_masks)

    @property
    def size_bytes(self) -> int:
        """The bytes of all of the pictures."""
        return sum(picture.size_bytes for picture in self.pictures())


class Job(_Frozen):
    """A job, as its record in Redis describes it.

    A new field is stored, loaded and sent with events without further code. Annotate it with
    a :class:`Mark` to change that.
    """

    id: str
    #: The schema version of the record: see ``core.jobs.schema_version``.
    schema_version: Annotated[int, Mark.NOT_IN_EVENTS] = Field(1, validation_alias=SCHEMA)
    status: JobStatus
    #: How often a worker has claimed the job. Every write of a worker names its attempt, and
    #: is refused once another attempt has begun.
    attempt: int = 0
    #: The token of the last claim.
    claim: Annotated[str, Mark.NOT_IN_EVENTS] = ""
    #: Who posted the job. Only the owner may see it.
    owner: Annotated[str, Mark.NOT_IN_EVENTS] = ANONYMOUS
    #: The identity that limits apply to: the owner, or the address of an anonymous client.
    caller: Annotated[str, Mark.NOT_IN_EVENTS] = ANONYMOUS
    #: The id of the request that posted the job, for the logs.
    request_id: str = ""
    #: How many attempts were handed back by a worker that was told to stop.
    handed_back: int = 0
    params: Annotated[StyleParams, Mark.NOT_IN_EVENTS]
    #: The batch that it was posted in.
    batch: str | None = None
    #: Whether it is a draft: see ``core.jobs.waiting.drafts``.
    draft: bool = False
    #: The steps that a draft was asked for; it may have fewer.
    asked_steps: Annotated[int | None, Mark.NOT_IN_EVENTS] = None
    #: The job whose result it began with.
    continued_from: str | None = None
    #: How often the parameters were changed.
    revision: int = 0
    #: The changes and their steps: see ``core.params.edits``.
    edits: Annotated[Edits, Mark.NOT_IN_EVENTS] = ()
    inputs: Annotated[Inputs, Mark.NOT_IN_EVENTS, Mark.HOLDS_BLOBS]
    #: How urgent the job is among those of its caller.
    priority: Priority = Priority.NORMAL
    #: The bytes that a run takes, by the precision of the worker: see ``core.jobs.footprint``.
    #: Empty if they are not known; any worker may then take the job.
    memory: Annotated[dict[Precision, int], Mark.NOT_IN_EVENTS] = {}
    #: Sentences that the caller should know, such as about a cut-off picture or run.
    warnings: tuple[str, ...] = ()
    #: The work of a run: see ``core.jobs.work``. None if an earlier version created the job.
    work: Annotated[int | None, Mark.NOT_IN_EVENTS] = None
    #: How many seconds it may run, if the caller limited it.
    max_seconds: Annotated[int | None, Mark.NOT_IN_EVENTS] = None
    created_at: datetime
    #: When the job was queued last: at its creation, or when its worker was lost or stopped.
    queued_at: datetime | None = None
    started_at: datetime | None = None
    #: When the current attempt was claimed, by the same clock: that of Redis.
    claimed_at: Annotated[datetime | None, Mark.NOT_IN_EVENTS] = None
    finished_at: datetime | None = None
    progress: Progress | None = None
    #: The digest of the blob from which the next attempt resumes.
    checkpoint: Annotated[str | None, Mark.NOT_IN_EVENTS, Mark.OF_ATTEMPT] = None
    checkpoint_bytes: Annotated[int | None, Mark.NOT_IN_EVENTS, Mark.OF_ATTEMPT] = None
    #: Written together with the status `succeeded`.
    result: Annotated[Picture | None, Mark.NOT_IN_EVENTS, Mark.HOLDS_BLOBS, Mark.OF_ATTEMPT] = None
    #: The preview of the result. The previews of a running job are in a key of their own;
    #: `preview_version` counts them.
    preview: Annotated[Picture | None, Mark.NOT_IN_EVENTS, Mark.HOLDS_BLOBS, Mark.OF_ATTEMPT] = None
    preview_version: int = 0
    #: The copy of the result for screens; None if they show the result itself.
    display: Annotated[Picture | None, Mark.NOT_IN_EVENTS, Mark.HOLDS_BLOBS, Mark.OF_ATTEMPT] = None
    #: The copy of the content for screens: a JPEG without metadata, at most as large as the result.
    content_display: Annotated[
        Picture | None, Mark.NOT_IN_EVENTS, Mark.HOLDS_BLOBS, Mark.OF_ATTEMPT
    ] = None
    #: The frames of the film: a ZIP archive of JPEGs. None if its worker keeps none.
    film: Annotated[Picture | None, Mark.NOT_IN_EVENTS, Mark.HOLDS_BLOBS, Mark.OF_ATTEMPT] = None
    metrics: Annotated[Metrics | None, Mark.OF_ATTEMPT] = None
    error: Failure | None = None
    #: The trace of the request that posted the job, as W3C Trace Context writes it.
    traceparent: str = ""
    #: Where to send the events of the job, and the state of each delivery.
    webhook: Webhook | None = None
    deliveries: dict[WebhookEvent, Delivery] = {}
    #: How long the files of the job are kept after it ends.
    retention_seconds: float = RETENTION.total_seconds()

    @property
    def expires_at(self) -> datetime | None:
        """When the files of the job expire; None while it is unfinished."""
        return self.finished_at and self.finished_at + timedelta(seconds=self.retention_seconds)

    @property
    def asked_params(self) -> StyleParams:
        """The parameters, with the steps that a draft was asked for."""
        if not self.draft or self.asked_steps is None:
            return self.params
        return self.params.model_copy(update={"steps": self.asked_steps})

    @property
    def lease_owner(self) -> str:
        """What names the attempt in every write of a worker (``lua/lib/owner.lua``)."""
        return f"{self.attempt}:{self.claim}"

    @property
    def attempts(self) -> int:
        """The number of attempts, without those that were handed back."""
        return self.attempt - self.handed_back


def account_of(owner: str) -> str:
    """Return the account of an owner, which has a webhook secret. All browsers share one."""
    return ANONYMOUS if owner.startswith(BROWSER_PREFIX) else owner


def new_job_id() -> str:
    """Return a UUIDv7, which sorts by creation time and cannot be guessed."""
    return str(uuid7())


def time_of(job_id: str) -> float:
    """Return the time at which a job id was generated, in seconds since 1970."""
    return int(job_id[:8] + job_id[9:13], 16) / 1000


def is_job_id(text: str) -> bool:
    """Return whether a text is a UUID in the canonical form of job ids."""
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
