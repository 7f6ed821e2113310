"""A new field of a job, or a new error, is missing in no place that clients see."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

import pytest
from pydantic import BaseModel

from api.answers.error_docs import error_responses
from api.answers.errors import STATUS, status_of
from api.answers.job_json import Snapshot, snapshot_of
from api.answers.schemas import JobView
from core import errors
from core.jobs.job import Failure, Inputs, Job, Metrics, Picture
from core.jobs.status import JobStatus
from core.jobs.waiting.turns import Priority
from core.params import Precision, StyleParams
from core.params.edits import Edit
from core.webhooks.webhook import Delivery, Webhook, WebhookEvent
from tests.conftest import some_progress

#: Fields of the job record that clients do not see under the same name.
INTERNAL = {
    "schema_version", "owner", "caller", "request_id", "traceparent", "checkpoint", "inputs",
    "checkpoint_bytes",
    "memory",
    "work",
    "max_seconds",
    "asked_steps",  # only while it is a draft
    "claim", "claimed_at",
    "queued_at",  # makes `waiting.since`
    "attempt", "handed_back",  # they make `metrics.attempts`
    "preview_version",  # a part of `progress`
    "result", "preview", "display", "content_display", "film",  # served by routes of their own
    "deliveries",  # a part of `webhook`
    "retention_seconds",  # makes `expires_at`
}  # fmt: skip

#: Fields of the Job that are computed when it is read.
DERIVED = {"done", "queue_position", "estimated_start_at", "waiting", "expires_at", "links"}

#: Errors that do not end a request: they are stored in a job, raised in a worker or in the
#: command line, or turned into another error. If one escapes, it is a 500.
NOT_FOR_CLIENTS = {
    errors.StaleAttempt, errors.WorkerLost, errors.BlobNotFound, errors.BlobCorrupt,
    errors.InvalidSetting, errors.WeightsUnavailable, errors.WeightsCorrupt,
    errors.LossNotFinite, errors.TimeLimit, errors.CheckpointMismatch, errors.AddressRefused,
    errors.NameNotResolved, errors.CannotStart, errors.ServerRefused,
    errors.ServerUnreachable, errors.Interrupted, errors.PackageMissing,
}  # fmt: skip

CREATED = datetime(2026, 11, 22, 12, 49, 8, 830465, UTC)
PICTURE = Picture(sha256="a" * 64, media_type="image/png", size_bytes=1)

QUEUED = Job(
    id="01a2034d-a0dd-75cf-ba55-f08cc12def8b",
    status=JobStatus.QUEUED,
    params=StyleParams(size=64),
    inputs=Inputs(content=PICTURE, styles=(PICTURE,)),
    created_at=CREATED,
)

FINISHED = QUEUED.model_copy(
    update={
        "status": JobStatus.FAILED,
        "attempt": 2,
        "claim": "a token",
        "queued_at": CREATED,
        "handed_back": 1,
        "preview_version": 3,
        "started_at": CREATED + timedelta(seconds=1),
        "claimed_at": CREATED + timedelta(seconds=2),
        "finished_at": CREATED + timedelta(seconds=3),
        "progress": some_progress(),
        "warnings": ("the content is cut off",),
        "batch": "01a2034d-a0dd-75cf-ba55-f08cc12def8b",
        "draft": True,
        "asked_steps": 1000,
        "continued_from": "01a2034d-a0dd-75cf-ba55-f08cc12def8b",
        "revision": 1,
        "edits": (Edit(step=7, params={"strength": 0.7}),),
        "metrics": Metrics(
            optimize_seconds=1.5, device="cpu", steps=3, peak_memory_bytes=4, threads=2
        ),
        "error": Failure(code="loss_not_finite", message="it is infinite", retryable=False),
        "webhook": Webhook(url="https://example.com/hook"),
        "deliveries": {WebhookEvent.FAILED: Delivery(attempts=1, last_attempt_at=CREATED)},
        "result": PICTURE,
        "preview": PICTURE,
        "display": PICTURE,
        "content_display": PICTURE,
        "film": PICTURE,
        "checkpoint": "b" * 64,
        "checkpoint_bytes": 1000,
        "priority": Priority.LOW,
        "memory": {Precision.AUTO: 10**9},
        "work": 1_000_000,
        "max_seconds": 60,
        "request_id": "an id",
        "traceparent": "a trace",
        "owner": "somebody",
        "caller": "somebody",
        "retention_seconds": 60.0,
    }
)


def test_a_field_of_the_job_record_is_shown_or_internal() -> None:
    recorded, shown = set(Job.model_fields), set(JobView.model_fields)
    assert recorded - shown == INTERNAL, "add the field to JobView, or to INTERNAL here"
    assert shown - recorded == DERIVED, "add the field to Job, or to DERIVED here"


def test_the_example_of_a_finished_job_sets_every_field() -> None:
    """Otherwise the tests below would overlook a field."""
    fields = Job.model_fields.items()
    defaults = {name for name, field in fields if getattr(FINISHED, name) == field.default}
    assert defaults == {"schema_version"}, "set the field in FINISHED"


@pytest.mark.parametrize("job", [QUEUED, FINISHED], ids=["queued", "finished"])
def test_a_job_document_has_exactly_the_fields_of_its_schema(job: Job) -> None:
    document = json.loads(snapshot_of(job, position=0).document())
    view = JobView.model_validate(document)
    assert list(document) == list(JobView.model_fields)
    assert document == view.model_dump(mode="json", by_alias=True)


@pytest.mark.parametrize("job", [QUEUED, FINISHED], ids=["queued", "finished"])
def test_a_job_document_has_the_values_of_the_record(job: Job) -> None:
    view = JobView.model_validate_json(snapshot_of(job).document())
    for name in set(JobView.model_fields) & set(Job.model_fields) - {"metrics"}:
        recorded, shown = getattr(job, name), getattr(view, name)
        if isinstance(recorded, BaseModel):
            recorded = recorded.model_dump(exclude={"secret"})  # shown to nobody
            shown = {key: shown.model_dump()[key] for key in recorded}
        assert shown == recorded, name
    assert view.expires_at == job.expires_at
    assert view.metrics.attempts == job.attempts


def test_the_measurements_of_a_worker_are_shown_once_the_job_has_ended() -> None:
    def measurements(job: Job) -> dict[str, Any]:
        metrics = json.loads(snapshot_of(job).document())["metrics"]
        return {name: metrics[name] for name in Metrics.model_fields}

    assert FINISHED.metrics is not None
    assert measurements(FINISHED) == FINISHED.metrics.model_dump()
    running = FINISHED.model_copy(update={"status": JobStatus.RUNNING})
    assert set(measurements(running).values()) == {None}


def test_a_snapshot_of_a_job_has_the_entity_tag_of_its_record() -> None:
    record = {"id": QUEUED.id, "status": "queued"}
    assert snapshot_of(QUEUED).etag == Snapshot(record, None).etag


def test_a_record_of_the_first_schema_needs_no_optional_field() -> None:
    record = {
        "id": QUEUED.id,
        "status": "queued",
        "params": QUEUED.params.model_dump_json(),
        "created_at": f"{CREATED.timestamp()}",
    }
    assert Snapshot(record, 0).document() == snapshot_of(QUEUED, 0).document()


def _subclasses(cls: type[errors.EaselError]) -> Iterator[type[errors.EaselError]]:
    for subclass in cls.__subclasses__():
        yield subclass
        yield from _subclasses(subclass)


def _declared() -> list[type[errors.EaselError]]:
    return [cls for cls in _subclasses(errors.EaselError) if cls.__module__ == errors.__name__]


def test_every_error_has_an_http_status_or_never_reaches_a_client() -> None:
    without = {
        cls
        for cls in _declared()
        if not any(parent in STATUS for parent in cls.__mro__ if parent is not errors.EaselError)
    }
    assert without == NOT_FOR_CLIENTS, "add the error to api.answers.errors.STATUS, or here"


#: Errors of one route, which documents them itself.
OF_ONE_ROUTE = {errors.NoPreviewYet}


@pytest.mark.parametrize(
    "cls", [cls for cls in _declared() if cls not in NOT_FOR_CLIENTS | OF_ONE_ROUTE]
)
def test_the_code_of_every_error_is_documented_with_its_status(
    cls: type[errors.EaselError],
) -> None:
    status: HTTPStatus = status_of(cls.__new__(cls))
    assert f"`{cls.code}`" in error_responses(status)[status]["description"]
