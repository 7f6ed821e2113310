"""The Job as JSON, written directly from its record.

A record holds its larger parts as JSON. Parsing them into models and serialising them again
would cost more than the rest of a request, so the document is composed as text.
``api.answers.schemas.JobView`` is its schema; ``tests/api/answers/test_structure.py`` checks
that both have the same fields.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple
from zlib import crc32

from pydantic import BaseModel, TypeAdapter

from api.answers.schemas import webhook_view
from core.jobs.events import BEGINNING
from core.jobs.job import ANONYMOUS, RETENTION, Job, Metrics
from core.jobs.status import FINAL_STATUSES
from core.jobs.waiting.reasons import Waiting
from core.jobs.waiting.turns import Priority
from core.params.edits import Edit, dump_edits
from core.webhooks.webhook import Delivery, Webhook, WebhookEvent

_ANY = TypeAdapter(Any)
_DELIVERIES = TypeAdapter(dict[WebhookEvent, Delivery])

#: The worker's measurements of a job that has not ended.
_NO_MEASUREMENTS = ",".join(f'"{name}":null' for name in Metrics.model_fields)


class Outlook(NamedTuple):
    """What is known about the start of a queued job."""

    #: The estimated start time, if it is known.
    starts_at: datetime | None = None
    #: Why the job waits; None unless it is queued and read from Redis.
    waiting: Waiting | None = None


#: That of a job that is not queued.
NO_OUTLOOK = Outlook()


@dataclass(frozen=True)
class Snapshot:
    """A job as it was read at one moment."""

    record: Mapping[str, str]
    #: The number of jobs ahead of it; None unless it is queued.
    position: int | None
    #: Empty unless the job is queued.
    outlook: Outlook = NO_OUTLOOK

    @property
    def id(self) -> str:
        """The job's ID."""
        return self.record["id"]

    @property
    def owner(self) -> str:
        """The name of the job's owner."""
        return self.record.get("owner", ANONYMOUS)

    @property
    def done(self) -> bool:
        """Whether the status is final."""
        return self.record["status"] in FINAL_STATUSES

    @property
    def event(self) -> str:
        """The ID of the job's newest event."""
        return self.record.get("event", BEGINNING)

    @property
    def etag(self) -> str:
        """A weak entity tag. It changes with everything in the document except estimates."""
        position = "" if self.position is None else f".{self.position}"
        if self.outlook.waiting:
            position += f".{self.outlook.waiting.reason}"
        deliveries = (
            f".{crc32(self.record['deliveries'].encode())}" if "deliveries" in self.record else ""
        )
        return f'W/"{self.event}{position}{deliveries}.r{self.revision}"'

    @property
    def revision(self) -> str:
        """How often the parameters were changed."""
        return self.record.get("revision", "0")

    def document(self, server: str = "") -> str:
        """Return the Job as JSON, with ``server`` before the paths of its links."""
        return job_document(self.record, self.position, self.outlook, server)


def snapshot_of(job: Job, position: int | None = None) -> Snapshot:
    """Return a snapshot of a job that is available as a model."""
    fields = ((name, getattr(job, name)) for name in Job.model_fields)
    given = ((name, value) for name, value in fields if value not in (None, {}, ()))
    record = {name: _stored(value) for name, value in given if value is not False}
    return Snapshot(record, position)


def _stored(value: Any) -> str:
    """Return a field of a job as its record stores it."""
    if value is True:
        return "1"
    if isinstance(value, BaseModel):
        return value.model_dump_json()
    if isinstance(value, datetime):
        return f"{value.timestamp():.6f}"
    if isinstance(value, Mapping):
        return _ANY.dump_json(value).decode()
    if isinstance(value, tuple):
        return dump_edits(value) if value and isinstance(value[0], Edit) else json.dumps(value)
    return str(value)


def job_document(
    record: Mapping[str, str],
    position: int | None,
    outlook: Outlook = NO_OUTLOOK,
    server: str = "",
) -> str:
    """Return the Job as JSON.

    Args:
        record: the fields of the job record.
        position: the number of jobs ahead of it; None unless it is queued.
        outlook: when it will start, and why it waits.
        server: what precedes the paths of the links: a base URL, or a path prefix.
    """
    status = record["status"]
    url = f"{server}/jobs/{record['id']}"
    return (
        f'{{"id":"{record["id"]}","status":"{status}",'
        f'"done":{"true" if status in FINAL_STATUSES else "false"},'
        f'"queue_position":{"null" if position is None else position},'
        f'"estimated_start_at":{_quoted(outlook.starts_at)},'
        f'"waiting":{outlook.waiting.model_dump_json() if outlook.waiting else "null"},'
        f'"priority":"{record.get("priority", Priority.NORMAL)}",'
        f'"draft":{"true" if "draft" in record else "false"},'
        f'"params":{record["params"]},"batch":{_text(record, "batch")},'
        f'"continued_from":{_text(record, "continued_from")},'
        f'"revision":{record.get("revision", "0")},'
        f'"edits":{record.get("edits", "[]")},"progress":{_progress(record)},'
        f'"warnings":{record.get("warnings", "[]")},'
        f'"error":{record.get("error", "null")},"webhook":{_webhook(record)},'
        f'"created_at":{_time(record, "created_at")},'
        f'"started_at":{_time(record, "started_at")},'
        f'"finished_at":{_time(record, "finished_at")},'
        f'"expires_at":{_expiry(record)},"metrics":{_metrics(record)},'
        f'"links":{{"self":"{url}","result":"{url}/result","preview":"{url}/preview",'
        f'"film":"{url}/film",'
        f'"events":"{url}/events","cancel":"{url}/cancel",'
        f'"finish":"{url}/finish","signed":"{url}/links"}}}}'
    )


def _progress(record: Mapping[str, str]) -> str:
    progress = record.get("progress")
    if progress is None:
        return "null"
    return f'{progress[:-1]},"preview_version":{record.get("preview_version", "0")}}}'


def _webhook(record: Mapping[str, str]) -> str:
    if "webhook" not in record:
        return "null"
    webhook = Webhook.model_validate_json(record["webhook"])
    deliveries = _DELIVERIES.validate_json(record.get("deliveries", "{}"))
    return webhook_view(record["id"], webhook, deliveries).model_dump_json()


def _metrics(record: Mapping[str, str]) -> str:
    created, started, finished = (
        float(record[name]) if name in record else None
        for name in ("created_at", "started_at", "finished_at")
    )
    measurements = record.get("metrics") if record["status"] in FINAL_STATUSES else None
    attempts = int(record.get("attempt", "0")) - int(record.get("handed_back", "0"))
    return (
        f'{{"queued_seconds":{_seconds(created, started)},'
        f'"run_seconds":{_seconds(started, finished)},'
        f'{measurements[1:-1] if measurements else _NO_MEASUREMENTS},"attempts":{attempts}}}'
    )


def _text(record: Mapping[str, str], field: str) -> str:
    return f'"{record[field]}"' if field in record else "null"


def _seconds(since: float | None, until: float | None) -> str:
    return "null" if since is None or until is None else str(round(until - since, 3))


def _time(record: Mapping[str, str], field: str) -> str:
    return _timestamp(record[field]) if field in record else "null"


@lru_cache(maxsize=4096)  # a client that polls a job needs the same times in every response
def _timestamp(timestamp: str) -> str:
    return _quoted(datetime.fromtimestamp(float(timestamp), UTC))


def _expiry(record: Mapping[str, str]) -> str:
    if "finished_at" not in record:
        return "null"
    retention = float(record.get("retention_seconds", RETENTION.total_seconds()))
    return _quoted(datetime.fromtimestamp(float(record["finished_at"]) + retention, UTC))


def _quoted(time: datetime | None) -> str:
    """Return a time as JSON: RFC 3339 in UTC, as pydantic writes it."""
    return "null" if time is None else f'"{time.isoformat()[:-6]}Z"'
