"""How a job's record lies in Redis: its keys, its fields, and the scripts that change it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from core.jobs.job import Job, JobStatus
from core.jobs.schema import SCHEMA_VERSION, NewerRecord, newer_schema, versioned

if TYPE_CHECKING:
    from redis import Redis
    from redis.commands.core import Script

#: What the keys of the records start with; the job's id follows.
JOB_KEY = "easel:job:"
#: A moving average of what a run takes.
RUN_SECONDS = "easel:run-seconds"
#: Sorted sets of job ids: those queued, by the time of their creation ...
JOBS_QUEUED = "easel:jobs:queued"
#: ... and those running, by the end of their lease.
JOBS_RUNNING = "easel:jobs:running"
#: When somebody last looked for leases that have run out. Of each schema, so that
#: those who leave a record alone do not keep others from looking after it.
LAST_SWEEP = versioned("easel:jobs:swept")

#: Sorted set of `digest:job id`: which job needs which blob.
HELD = "easel:held"
#: What the keys start with that stand for blobs that are just being removed.
LEAVING = "easel:leaving:"

#: The fields of the record that hold JSON.
_JSON_FIELDS = frozenset(
    {
        *("params", "inputs", "progress", "result", "metrics", "error", "preview"),
        *("webhook", "deliveries"),
    }
)


def job_key(job_id: str) -> str:
    """The key of the job's record."""
    return JOB_KEY + job_id


def events_key(job_id: str) -> str:
    """The key of the stream of the job's events."""
    return f"easel:events:{job_id}"


def preview_key(job_id: str) -> str:
    """The key of the newest preview, while the job runs."""
    return f"easel:preview:{job_id}"


def listed_key(status: JobStatus, owner: str) -> str:
    """The key of the owner's jobs in that state, as ``listed.lua`` has it."""
    return f"easel:owned:{status.value}:{owner}"


def unfinished_key(caller: str) -> str:
    """The key of the set of the caller's jobs that wait or run, as ``listed.lua`` has it."""
    return f"easel:unfinished:{caller}"


def script(redis: Redis, *names: str) -> Script:
    """A script made of files in ``core/store/lua``, concatenated in this order."""
    return redis.register_script(script_text(*names))


def script_text(*names: str) -> str:
    """The text of such a script."""
    folder = files("core.store").joinpath("lua")
    texts = (folder.joinpath(f"{name}.lua").read_text() for name in names)
    return "\n".join((f"local SCHEMA = {SCHEMA_VERSION}", *texts))


def flat(fields: Mapping[str, Any]) -> list[Any]:
    """Keys and values by turns, as a script takes them."""
    return [item for pair in fields.items() for item in pair]


def pairs(reply: Any) -> dict[str, str]:
    """A mapping from a script's reply, which has keys and values by turns."""
    return dict(zip(reply[::2], reply[1::2], strict=True))


def read_job(reply: Any) -> Job:
    """A job from a script's reply."""
    return parse_job(pairs(reply))


def parse_job(record: Mapping[str, str]) -> Job:
    """A job from the fields of its record.

    Raises:
        NewerRecord: a newer version wrote it in a way that cannot be read.
    """
    with reading(record):
        return Job.model_validate(
            {
                field: json.loads(value) if field in _JSON_FIELDS else value
                for field, value in record.items()
            }
        )


@contextmanager
def reading(record: Mapping[str, str]) -> Iterator[None]:
    """A newer record is read as far as it is understood, and what stops that is its age."""
    try:
        yield
    except (ValueError, LookupError, TypeError) as error:
        schema = newer_schema(record)
        if schema is None:
            raise
        raise NewerRecord(schema) from error
