"""Logs on standard error: one JSON object per line or, for people, plain lines.

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
from enum import StrEnum

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

#: What a record has besides its own fields; the last is a copy of uvicorn's message.
_RESERVED = [*RESERVED_ATTRS, "message", "asctime", "color_message"]

_context: ContextVar[dict[str, str]] = ContextVar("log_context", default={})  # noqa: B039 - never mutated


class LogFormat(StrEnum):
    """How log lines are written."""

    AUTO = "auto"  #: Plain lines on a terminal, JSON elsewhere.
    JSON = "json"
    PLAIN = "plain"


def configure_logging(level: str, part: str, log_format: LogFormat = LogFormat.JSON) -> None:
    """Write the logs of this process to standard error.

    Args:
        level: the lowest level to write, such as ``INFO``.
        part: the part of Easel that this process is; a field of every line.
        log_format: how lines are written.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_add_context)
    plain = log_format is LogFormat.PLAIN
    if plain or (log_format is LogFormat.AUTO and sys.stderr.isatty()):
        handler.setFormatter(_PlainFormatter(f"%(asctime)s {part}:", "%H:%M:%S"))
    else:
        handler.setFormatter(_json_formatter(part))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(capture=True)


def _json_formatter(part: str) -> logging.Formatter:
    return JsonFormatter(
        ["asctime", "levelname", "name", "message"],
        rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
        static_fields={"part": part},
        datefmt="%Y-%m-%dT%H:%M:%S%z",
        reserved_attrs=_RESERVED,
    )


class _PlainFormatter(logging.Formatter):
    """``12:00:05 worker: job ended (job_id=..., status=succeeded)``."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name is logging's
        """Return the line without a traceback."""
        fields = {name: value for name, value in vars(record).items() if name not in _RESERVED}
        details = ", ".join(f"{name}={value}" for name, value in fields.items())
        level = "" if record.levelno <= logging.INFO else f"{record.levelname}: "
        line = f"{super().formatMessage(record)} {level}{record.message}"
        return f"{line} ({details})" if details else line


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
