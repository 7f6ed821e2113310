"""Conversion of job records between Redis hashes and the Job model."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from core.errors import NewerRecord
from core.jobs.admission import Load
from core.jobs.job import Job, Mark
from core.jobs.schema_version import SCHEMA_VERSION, newer_schema

_Model = TypeVar("_Model", bound=BaseModel)


def _stored_name(name: str, field: FieldInfo) -> str:
    return str(field.validation_alias or name)


def _holds_json(annotation: Any) -> bool:
    """Return whether values of the annotated type are stored as JSON, and not as plain text."""
    if isinstance(annotation, UnionType):
        return any(_holds_json(part) for part in get_args(annotation) if part is not NoneType)
    kind = get_origin(annotation) or annotation
    if issubclass(kind, (BaseModel, dict, list, tuple)):
        return True
    if issubclass(kind, (str, int, float, datetime)):
        return False
    raise TypeError(
        f"a job record cannot store {annotation}; expected a model, a dict, a list, a "
        "tuple, a str, a number or a datetime"
    )


def json_fields(model: type[BaseModel]) -> frozenset[str]:
    """Return the fields of a model, as stored, that hold JSON.

    Raises:
        TypeError: a field has a type that cannot be stored.
    """
    return frozenset(
        _stored_name(name, field)
        for name, field in model.model_fields.items()
        if _holds_json(field.annotation)
    )


JSON_FIELDS = json_fields(Job)


def marked_fields(mark: Mark) -> tuple[str, ...]:
    """Return the fields of the record, as stored, that have the mark."""
    return tuple(
        _stored_name(name, field)
        for name, field in Job.model_fields.items()
        if mark in field.metadata
    )


def flatten(fields: Mapping[str, Any]) -> list[Any]:
    """Return keys and values alternating, as scripts take them."""
    return [item for pair in fields.items() for item in pair]


def pairs(reply: Any) -> dict[str, str]:
    """Return the mapping in a reply of alternating keys and values."""
    return dict(zip(reply[::2], reply[1::2], strict=True))


def read_job(reply: Any) -> Job:
    """Return the job in the reply of a script.

    Raises:
        NewerRecord: a newer version of Easel wrote the record in an unreadable way.
    """
    return parse_job(pairs(reply))


def parse_job(record: Mapping[str, str]) -> Job:
    """Return the job of a record.

    Raises:
        NewerRecord: a newer version of Easel wrote the record in an unreadable way.
    """
    return parse_record(Job, JSON_FIELDS, record)


def parse_record(
    model: type[_Model], holding_json: frozenset[str], record: Mapping[str, str]
) -> _Model:
    """Return the model of a record.

    Args:
        model: its type.
        holding_json: the fields of the model that hold JSON; see :func:`json_fields`.
        record: the fields as they are stored.

    Raises:
        NewerRecord: a newer version of Easel wrote the record in an unreadable way.
    """
    with detect_newer(record):
        return model.model_validate(
            {
                field: json.loads(value) if field in holding_json else value
                for field, value in record.items()
            }
        )


def parse_load(reply: Any) -> Load:
    """Return the load in the reply of a script."""
    queued, unfinished, run_seconds, stored = reply
    mean = None if run_seconds is None else float(run_seconds)
    return Load(queued, unfinished, mean, int(stored))


@contextmanager
def detect_newer(record: Mapping[str, str]) -> Iterator[None]:
    """Raise NewerRecord in place of an error that the block raises while it reads a newer record.

    A newer record is read as far as possible. If that fails, its schema version is the reason.
    """
    try:
        yield
    except (ValueError, LookupError, TypeError) as error:
        schema = newer_schema(record)
        if schema is None:
            raise
        raise NewerRecord(schema, SCHEMA_VERSION) from error
