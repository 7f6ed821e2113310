"""The version of what is stored and sent, and how a newer one is left alone.

While a fleet is upgraded, two versions of Easel work on one Redis. A record says in its
field ``schema``, and a message in its header of that name, which version's readers do
right by it. A part that meets a newer one changes nothing and says so in its log:
``docs/upgrades.md`` has the rules. This module knows the version and nothing else.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

_logger = logging.getLogger(__name__)

#: Raised when an older reader would do wrong with what this version writes.
SCHEMA_VERSION = 1

#: The field of a record, and the header of a message.
SCHEMA = "schema"


def newer_schema(fields: Mapping[str, Any]) -> str | None:
    """The schema of a record or of a message's headers, if this version does not know it."""
    schema = str(fields.get(SCHEMA, "1"))
    known = schema.isdecimal() and int(schema) <= SCHEMA_VERSION
    return None if known else schema


def versioned(name: str, schema: int | str | None = None) -> str:
    """The name of a queue or a lock that every schema has its own of.

    Args:
        name: as the first schema has it.
        schema: which; by default that of this version.
    """
    schema = str(SCHEMA_VERSION if schema is None else schema)
    return name if schema == "1" else f"{name}.{schema}"


class Bystander:
    """Says once of each newer schema that a part leaves its records alone.

    Args:
        part: what to call the part in the log.
    """

    def __init__(self, part: str) -> None:
        self._part = part
        self._told: set[str] = set()

    def leaves(self, schemas: Mapping[str, str]) -> None:
        """Take note of newer records that were met: the schema of each, by the job's id."""
        for job_id, schema in schemas.items():
            if schema not in self._told:
                self._told.add(schema)
                _logger.warning(
                    "records of a newer schema are left alone",
                    extra={
                        "by": self._part,
                        "schema": schema,
                        "known": SCHEMA_VERSION,
                        "job_id": job_id,
                    },
                )
