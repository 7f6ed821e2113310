"""The Job as JSON, straight from its record.

A record holds its larger parts as JSON already. Reading them into models and writing
them out again would cost more than the rest of the request, so the document is put
together as text; ``api.answers.schemas.JobView`` says what is in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from zlib import crc32

from pydantic import TypeAdapter

from api.answers.schemas import webhook_view
from core.jobs.events import BEGINNING, FINAL
from core.jobs.job import ANONYMOUS, RETENTION, Job, Metrics
from core.webhooks.webhook import Delivery, Webhook, WebhookEvent

_DELIVERIES = TypeAdapter(dict[WebhookEvent, Delivery])

#: What a worker measures, of a job that has not ended.
_NOT_MEASURED = ",".join(f'"{name}":null' for name in Metrics.model_fields)


@dataclass(frozen=True)
class Snapshot:
    """A job as it was read at one moment."""

    record: Mapping[str, str]
    #: How many jobs were before it; None unless it was queued.
    position: int | None
    #: When it will probably be started; None unless it was queued and somebody knows.
    starts_at: datetime | None = None

    @property
    def id(self) -> str:
        """The job's."""
        return self.record["id"]

    @property
    def owner(self) -> str:
        """Whose job it is."""
        return self.record.get("owner", ANONYMOUS)

    @property
    def done(self) -> bool:
        """Whether the status is final."""
        return self.record["status"] in FINAL

    @property
    def event(self) -> str:
        """The id of its newest event."""
        return self.record.get("event", BEGINNING)

    @property
    def etag(self) -> str:
        """Changes with whatever a caller may want to see; estimates do not count."""
        place = "" if self.position is None else f".{self.position}"
        told = (
            f".{crc32(self.record['deliveries'].encode())}" if "deliveries" in self.record else ""
        )
        return f'W/"{self.event}{place}{told}"'

    def document(self, server: str = "") -> str:
        """The Job, with links to that server, or relative ones."""
        return job_document(self.record, self.position, self.starts_at, server)


def snapshot_of(job: Job, position: int | None = None) -> Snapshot:
    """A job that was read in another way."""
    texts = {
        "id": job.id,
        "status": job.status.value,
        "owner": job.owner,
        "attempt": str(job.attempt),
        "handed_back": str(job.handed_back),
        "preview_version": str(job.preview_version),
        "retention_seconds": str(job.retention_seconds),
    }
    times = {
        name: f"{time.timestamp():.6f}"
        for name in ("created_at", "started_at", "finished_at")
        if (time := getattr(job, name)) is not None
    }
    parts = {
        name: part.model_dump_json()
        for name in ("params", "progress", "error", "metrics", "webhook")
        if (part := getattr(job, name)) is not None
    }
    if job.deliveries:
        parts["deliveries"] = _DELIVERIES.dump_json(dict(job.deliveries)).decode()
    return Snapshot({**texts, **times, **parts}, position)


def job_document(
    record: Mapping[str, str],
    position: int | None,
    starts_at: datetime | None = None,
    server: str = "",
) -> str:
    """The Job as JSON.

    Args:
        record: the fields of its record.
        position: how many jobs are before it; None unless it is queued.
        starts_at: when it will probably be started.
        server: what its links begin with; they are relative otherwise.
    """
    status = record["status"]
    url = f"{server}/jobs/{record['id']}"
    return (
        f'{{"id":"{record["id"]}","status":"{status}",'
        f'"done":{"true" if status in FINAL else "false"},'
        f'"queue_position":{"null" if position is None else position},'
        f'"estimated_start_at":{_quoted(starts_at)},'
        f'"params":{record["params"]},"progress":{_progress(record)},'
        f'"error":{record.get("error", "null")},"webhook":{_webhook(record)},'
        f'"created_at":{_time(record, "created_at")},'
        f'"started_at":{_time(record, "started_at")},'
        f'"finished_at":{_time(record, "finished_at")},'
        f'"expires_at":{_expiry(record)},"metrics":{_metrics(record)},'
        f'"links":{{"self":"{url}","result":"{url}/result","preview":"{url}/preview",'
        f'"events":"{url}/events","cancel":"{url}/cancel","signed":"{url}/links"}}}}'
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
    told = _DELIVERIES.validate_json(record.get("deliveries", "{}"))
    return webhook_view(record["id"], webhook, told).model_dump_json()


def _metrics(record: Mapping[str, str]) -> str:
    created, started, finished = (
        float(record[name]) if name in record else None
        for name in ("created_at", "started_at", "finished_at")
    )
    measured = record.get("metrics") if record["status"] in FINAL else None
    attempts = int(record.get("attempt", "0")) - int(record.get("handed_back", "0"))
    return (
        f'{{"queued_seconds":{_seconds(created, started)},'
        f'"run_seconds":{_seconds(started, finished)},'
        f'{measured[1:-1] if measured else _NOT_MEASURED},"attempts":{attempts}}}'
    )


def _seconds(since: float | None, until: float | None) -> str:
    return "null" if since is None or until is None else str(round(until - since, 3))


def _time(record: Mapping[str, str], field: str) -> str:
    return _moment(record[field]) if field in record else "null"


@lru_cache(maxsize=4096)  # whoever polls asks for the same times again
def _moment(timestamp: str) -> str:
    return _quoted(datetime.fromtimestamp(float(timestamp), UTC))


def _expiry(record: Mapping[str, str]) -> str:
    if "finished_at" not in record:
        return "null"
    kept = float(record.get("retention_seconds", RETENTION.total_seconds()))
    return _quoted(datetime.fromtimestamp(float(record["finished_at"]) + kept, UTC))


def _quoted(time: datetime | None) -> str:
    """RFC 3339 in UTC, as pydantic writes it too."""
    return "null" if time is None else f'"{time.isoformat()[:-6]}Z"'
