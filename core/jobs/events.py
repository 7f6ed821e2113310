"""The events of a job, as stored in Redis streams and sent to clients.

The Lua scripts in ``core/store/lua`` write an event in the same step as the change that it
reports, so no event is lost or sent twice. Each event has an id, which increases with every
event of the deployment, and a copy of the job record at that moment.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from core.jobs.status import FINAL_STATUSES, JobStatus


class EventName(StrEnum):
    """What happened to a job."""

    QUEUED = "queued"
    STARTED = "started"
    EDITED = "edited"
    PROGRESS = "progress"
    PREVIEW = "preview"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    REMOVED = "gone"  #: The job was deleted. It ends the streams of clients but is not sent.


class BatchEvent(StrEnum):
    """What happened to a batch. Its events have no copy of the record: only the newest counts."""

    CHANGED = "changed"  #: A job of the batch has another status, or was deleted.
    FINISHED = "finished"  #: The last of its jobs has ended.


#: The event that reports each status. A new status without an event fails here.
STATUS_EVENTS = {
    status: EventName.STARTED if status is JobStatus.RUNNING else EventName(status.value)
    for status in JobStatus
}

#: The names of the events that clients receive.
PUBLIC_EVENTS = tuple(name.value for name in EventName if name is not EventName.REMOVED)

#: The last event of a job is one of these.
FINAL_EVENTS = frozenset(STATUS_EVENTS[status] for status in FINAL_STATUSES)

#: Each of these replaces the previous event of the same name: a client needs only the newest.
SUPERSEDED_EVENTS = frozenset({EventName.EDITED, EventName.PROGRESS, EventName.PREVIEW})

#: The approximate length of the stream of all events, which all api processes follow, and of
#: the stream of one job, from which a client catches up.
ALL_EVENTS_LENGTH, JOB_EVENTS_LENGTH = 2000, 200

#: The id before every event.
BEGINNING = "0-0"

_EVENT_ID = re.compile(r"(\d{1,20})-(\d{1,20})")


@dataclass(frozen=True)
class Event:
    """One event of a job or batch. The id and the name identify it."""

    id: str
    #: An :class:`EventName`, or a name that only a newer version knows.
    name: str
    #: The mutable fields of the job record at that moment, as stored in Redis.
    state: Mapping[str, str] = field(compare=False)

    @property
    def order(self) -> tuple[int, int]:
        """A sort key that increases from event to event."""
        return order_of(self.id)

    @property
    def final(self) -> bool:
        """Whether no event of the job follows."""
        return self.name in FINAL_EVENTS or self.name in (EventName.REMOVED, BatchEvent.FINISHED)


def event_of_status(status: str) -> str:
    """Return the name of the event that reports a status.

    Args:
        status: a :class:`JobStatus`, or a status that only a newer version knows.
    """
    return STATUS_EVENTS[JobStatus(status)] if status in STATUS_EVENTS else status


def order_of(event_id: str) -> tuple[int, int]:
    """Return the sort key of an event id; an invalid id sorts before all events."""
    matched = _EVENT_ID.fullmatch(event_id)
    return (int(matched[1]), int(matched[2])) if matched else (0, 0)


def parse_event(event_id: str, fields: Mapping[str, str]) -> Event:
    """Return the event in an entry of a stream."""
    return Event(event_id, fields["event"], json.loads(fields.get("state", "{}")))
