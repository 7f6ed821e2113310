"""Conversion of job records from Redis hashes to the Job model."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from core.errors import NewerRecord
from core.jobs.job import Job
from core.jobs.schema_version import SCHEMA_VERSION, newer_schema
from core.store.scripts import pairs

#: The fields of the record that hold JSON.
_JSON_FIELDS = frozenset(
    {
        *("params", "inputs", "progress", "result", "metrics", "error", "preview"),
        *("webhook", "deliveries"),
    }
)


def read_job(reply: Any) -> Job:
    """A job from a script's reply."""
    return parse_job(pairs(reply))


def parse_job(record: Mapping[str, str]) -> Job:
    """A job from the fields of its record.

    Raises:
        NewerRecord: a newer version wrote it in a way that cannot be read.
    """
    with detect_newer(record):
        return Job.model_validate(
            {
                field: json.loads(value) if field in _JSON_FIELDS else value
                for field, value in record.items()
            }
        )


@contextmanager
def detect_newer(record: Mapping[str, str]) -> Iterator[None]:
    """A newer record is read as far as it is understood, and what stops that is its age."""
    try:
        yield
    except (ValueError, LookupError, TypeError) as error:
        schema = newer_schema(record)
        if schema is None:
            raise
        raise NewerRecord(schema, SCHEMA_VERSION) from error
