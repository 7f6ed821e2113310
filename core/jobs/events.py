"""What happens to a job, as events.

The scripts under ``core/store/lua`` write an event in the same go as the change that it
tells of (``tell.lua``), so none is lost and none is told twice. An event has an id,
which rises with every event of the deployment, and the record as it was then.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

#: Nobody knows an event before this one.
BEGINNING = "0-0"

#: Said of a job that was removed. Clients are not told; their streams end.
GONE = "gone"

#: The names of events after which a job has none.
FINAL = frozenset({"succeeded", "failed", "canceled"})

#: Each replaces the one before: who missed some needs only the newest.
SUPERSEDED = frozenset({"progress", "preview"})

_EVENT_ID = re.compile(r"(\d{1,20})-(\d{1,20})")


@dataclass(frozen=True)
class Event:
    """One event of a job. The id and the name tell it from every other one."""

    id: str
    name: str
    #: The fields of the record that can change, as Redis had them then.
    state: Mapping[str, str] = field(compare=False)

    @property
    def order(self) -> tuple[int, int]:
        """Rises from event to event."""
        return order_of(self.id)

    @property
    def final(self) -> bool:
        """Whether it is the job's last."""
        return self.name in FINAL or self.name == GONE


def order_of(event_id: str) -> tuple[int, int]:
    """Where an id stands among the others; what is no id stands before all."""
    matched = _EVENT_ID.fullmatch(event_id)
    return (int(matched[1]), int(matched[2])) if matched else (0, 0)


def parse_event(event_id: str, fields: Mapping[str, str]) -> Event:
    """An event from an entry of a stream."""
    return Event(event_id, fields["event"], json.loads(fields.get("state", "{}")))
