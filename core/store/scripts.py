"""The Lua scripts in ``core/store/lua``, and the constants that they share with Python.

A script names the files that it needs in lines such as ``--- @include "lib/events"``. A name
in upper case, such as ``JOBS_QUEUED`` or ``STATUS_RUNNING``, is one of ``CONSTANTS``: a script
begins with generated definitions of those that it uses. So key names, statuses, events and
fields are defined in Python only.

A script that begins with ``#!lua flags=allow-oom`` also runs while Redis is full. All scripts
do that finish, release or remove something; those that add a job, a hold or a preview do not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from core.jobs.events import (
    ALL_EVENTS_LENGTH,
    FINAL_EVENTS,
    JOB_EVENTS_LENGTH,
    STATUS_EVENTS,
    SUPERSEDED_EVENTS,
    BatchEvent,
    EventName,
)
from core.jobs.job import ANONYMOUS, RETENTION, TOMBSTONE, Mark
from core.jobs.losses import POINTS
from core.jobs.schema_version import SCHEMA, SCHEMA_VERSION
from core.jobs.status import FINAL_STATUSES, JobStatus
from core.jobs.waiting import drafts
from core.jobs.waiting.turns import CALLERS_TRIED, HEAD_STARTS, JOBS_TRIED, Lane
from core.params import Precision
from core.runtime.modules import full_name
from core.store import keys, statistics
from core.store.serialization import marked_fields
from core.webhooks.webhook import DeliveryState, WebhookEvent

if TYPE_CHECKING:
    from redis import Redis
    from redis.commands.core import Script

_Constant = str | int | tuple[str, ...] | frozenset[str] | Mapping[str, str]

#: The fields that only the scripts use, and that events leave out.
_INTERNAL_FIELDS = ("closed", "event", *(f"event_{name}" for name in SUPERSEDED_EVENTS))

_STATISTICS = (
    *("HISTOGRAM_BOUNDS", "QUEUE_HISTOGRAM", "RUN_HISTOGRAM"),
    *("ACCEPTED", "REQUEUED", "FINISHED_PREFIX", "WEBHOOK_PREFIX", "STORED_BYTES"),
)

CONSTANTS: dict[str, _Constant] = {
    **{name: key for name, key in vars(keys).items() if name.isupper()},
    **{name: getattr(statistics, name) for name in _STATISTICS},
    **{f"STATUS_{status.name}": status.value for status in JobStatus},
    **{f"EVENT_{event.name}": event.value for event in (*EventName, *BatchEvent)},
    **{f"DELIVERY_{state.name}": state.value for state in DeliveryState},
    **{f"LANE_{lane.name}": lane.value for lane in Lane},
    "LANES": tuple(Lane),
    "DRAFT_IDLE_SECONDS": drafts.IDLE_SECONDS,
    "DRAFT_LIFE_SECONDS": drafts.LIFE_SECONDS,
    "MAX_DRAFTS": drafts.MAX_DRAFTS,
    "CALLERS_TRIED": CALLERS_TRIED,
    "JOBS_TRIED": JOBS_TRIED,
    "HEAD_STARTS": {priority.value: str(seconds) for priority, seconds in HEAD_STARTS.items()},
    "UNKNOWN_PRECISION": Precision.AUTO.value,
    "ANONYMOUS": ANONYMOUS,
    "RETENTION_SECONDS": int(RETENTION.total_seconds()),
    "TOMBSTONE_SECONDS": int(TOMBSTONE.total_seconds()),
    "SCHEMA_FIELD": SCHEMA,
    "SCHEMA_VERSION": SCHEMA_VERSION,
    "UNFINISHED_STATUSES": frozenset(JobStatus) - FINAL_STATUSES,
    # The event of each status, and the event of its webhook.
    "STATUS_EVENTS": {status.value: event.value for status, event in STATUS_EVENTS.items()},
    "WEBHOOK_EVENTS": {
        status: event.value
        for status in JobStatus
        for event in WebhookEvent
        if event.word == STATUS_EVENTS[status]
    },
    "WEBHOOK_BATCH_FINISHED": WebhookEvent.BATCH_FINISHED.value,
    # The last part of a delivery id, by the event.
    "WEBHOOK_WORDS": {event.value: event.word for event in WebhookEvent},
    "FINAL_EVENTS": FINAL_EVENTS,
    "SUPERSEDED_EVENTS": SUPERSEDED_EVENTS,
    "ALL_EVENTS_LENGTH": ALL_EVENTS_LENGTH,
    "JOB_EVENTS_LENGTH": JOB_EVENTS_LENGTH,
    "LOSS_POINTS": POINTS,
    # Fields of the record.
    "NOT_IN_EVENTS": frozenset({*marked_fields(Mark.NOT_IN_EVENTS), *_INTERNAL_FIELDS}),
    "HOLDS_BLOBS": frozenset(marked_fields(Mark.HOLDS_BLOBS)),
    "ATTEMPT_FIELDS": marked_fields(Mark.OF_ATTEMPT),
}

_FLAGS = re.compile(r"\A#!lua flags=.*\n")
_INCLUDE = re.compile(r'^--- @include "([\w/]+)"\n', re.MULTILINE)
_COMMENT_OR_STRING = re.compile(r"--.*|'[^'\n]*'")
_CONSTANT = re.compile(r"\b[A-Z][A-Z_]+\b")


def script(redis: Redis, name: str) -> Script:
    """Return a script, to be called with ``keys`` and ``args``.

    Args:
        redis: the client that runs it by default.
        name: its file in ``core/store/lua``, without the suffix.
    """
    return redis.register_script(script_text(name))


@cache
def script_text(name: str) -> str:
    """Return the complete text of a script.

    Raises:
        KeyError: the script uses a constant that is not defined.
    """
    source = "\n".join(_with_includes(name, set()))
    flags = _FLAGS.match(_read(name))
    names = set(_CONSTANT.findall(_COMMENT_OR_STRING.sub("", source))) - {"KEYS", "ARGV"}
    prelude = (f"local {each} = {_lua(CONSTANTS[each])}" for each in sorted(names))
    return (flags[0] if flags else "") + "\n".join((*prelude, source))


def _read(name: str) -> str:
    return files(full_name("core.store")).joinpath("lua", f"{name}.lua").read_text()


def _with_includes(name: str, included: set[str]) -> Iterator[str]:
    """Yield the text of a file after those of all files that it includes, each once."""
    text = _FLAGS.sub("", _read(name))
    for other in _INCLUDE.findall(text):
        if other not in included:
            included.add(other)
            yield from _with_includes(other, included)
    yield _INCLUDE.sub("", text)


def _lua(value: _Constant) -> str:
    """Return a value as Lua writes it; a set becomes a table of ``true``."""
    if isinstance(value, str):
        return f"'{value}'"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, tuple):
        return "{" + ", ".join(map(_lua, value)) + "}"
    if isinstance(value, frozenset):
        return "{" + ", ".join(f"[{_lua(each)}] = true" for each in sorted(value)) + "}"
    return "{" + ", ".join(f"[{_lua(key)}] = {_lua(each)}" for key, each in value.items()) + "}"
