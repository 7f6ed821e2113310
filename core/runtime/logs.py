"""Structured logs: one JSON object a line, on standard error.

A module logs with the standard library, and puts what belongs to the line into
``extra``. What belongs to every line for a while, such as the id of the job at
hand, is bound with :func:`log_context`; libraries' lines carry it too.
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
    """Send every log line of this process to standard error, as JSON.

    Args:
        level: the lowest level that is written, such as ``INFO``.
        part: which part of Easel this is; written with every line.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_add_context)
    handler.setFormatter(
        JsonFormatter(
            ["asctime", "levelname", "name", "message"],
            rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
            static_fields={"part": part},
            datefmt="%Y-%m-%dT%H:%M:%S%z",
            reserved_attrs=[*RESERVED_ATTRS, "color_message"],  # uvicorn says it twice
        )
    )
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(capture=True)


@contextmanager
def log_context(**fields: str) -> Iterator[None]:
    """Write these fields with every log line of the block."""
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
