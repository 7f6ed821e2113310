"""Structured logs: one JSON object per line, on standard error.

Modules log with the standard library and pass the fields of a line as ``extra``. Fields of all
lines of a block, such as the id of the current job, are bound with :func:`log_context`; the
lines of libraries carry them too.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

_context: ContextVar[dict[str, str]] = ContextVar("log_context", default={})  # noqa: B039 - never mutated


def configure_logging(level: str, part: str) -> None:
    """Write the logs of this process to standard error, as JSON.

    Args:
        level: the lowest level to write, such as ``INFO``.
        part: the part of Easel that this process is; a field of every line.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_add_context)
    handler.setFormatter(
        JsonFormatter(
            ["asctime", "levelname", "name", "message"],
            rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
            static_fields={"part": part},
            datefmt="%Y-%m-%dT%H:%M:%S%z",
            reserved_attrs=[*RESERVED_ATTRS, "color_message"],  # a copy of uvicorn's message
        )
    )
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(capture=True)


@contextmanager
def log_context(**fields: str) -> Iterator[None]:
    """Add fields to every log line of a block."""
    token = _context.set({**_context.get(), **fields})
    try:
        yield
    finally:
        _context.reset(token)


def _add_context(record: logging.LogRecord) -> bool:
    for name, value in _context.get().items():
        if not hasattr(record, name):
            setattr(record, name, value)
    return True
