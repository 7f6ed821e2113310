"""The schema version of stored records and messages, and the detection of newer ones.

During an upgrade, two versions of Easel share one Redis. A record has a field ``schema``, and
a message a header of the same name, with the version that a reader needs. A process that finds
a newer record or message does not change it, and logs that. ``docs/upgrades.md`` has the rules.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

_logger = logging.getLogger(__name__)

#: Increase it when an older reader would handle new records wrongly.
SCHEMA_VERSION = 1

#: The field of a record, and the header of a message.
SCHEMA = "schema"


def newer_schema(fields: Mapping[str, Any]) -> str | None:
    """Return the schema version of a record or of a message's headers if it is newer, or None."""
    schema = str(fields.get(SCHEMA, "1"))
    known = schema.isdecimal() and int(schema) <= SCHEMA_VERSION
    return None if known else schema


def versioned(name: str, schema: int | str | None = None) -> str:
    """Return the name of a queue or a key that exists once for each schema version.

    Args:
        name: the name for version 1.
        schema: the schema version; the current one by default.
    """
    schema = str(SCHEMA_VERSION if schema is None else schema)
    return name if schema == "1" else f"{name}.{schema}"


class NewerRecordLog:
    """Logs once for each newer schema version that a part of Easel ignores its records.

    Args:
        part: the name of the part in the log.
    """

    def __init__(self, part: str) -> None:
        self._part = part
        self._reported: set[str] = set()

    def report(self, schemas: Mapping[str, str]) -> None:
        """Log the newer records that were found, given their schema versions by job id."""
        for job_id, schema in schemas.items():
            if schema not in self._reported:
                self._reported.add(schema)
                _logger.warning(
                    "records with a newer schema version are ignored",
                    extra={
                        "by": self._part,
                        "schema": schema,
                        "known": SCHEMA_VERSION,
                        "job_id": job_id,
                    },
                )
