"""Structured logs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

SCRIPT = """
import logging, warnings
from core.runtime.logs import configure_logging, log_context
configure_logging("INFO", part="test")
logger = logging.getLogger("a.module")
logger.info("before")
with log_context(job_id="j1"):
    logger.info("during\\nand more", extra={"size": 64})
    warnings.warn("careful", stacklevel=1)
logger.debug("not written")
try:
    1 / 0
except ZeroDivisionError:
    logger.exception("after")
"""


def test_every_log_line_is_json_with_its_context() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True
    )
    before, during, warning, after = map(json.loads, done.stderr.splitlines())
    assert before["message"] == "before"
    assert before["part"] == "test"
    assert "job_id" not in before
    assert (during["message"], during["job_id"], during["size"]) == ("during\nand more", "j1", 64)
    assert "careful" in warning["message"]
    assert warning["job_id"] == "j1"
    assert "ZeroDivisionError" in after["exc_info"]
    assert done.stdout == ""


def test_plain_lines_have_the_time_the_part_and_the_fields() -> None:
    code = SCRIPT.replace('part="test"', '"test", LogFormat.PLAIN').replace(
        "import configure_logging", "import LogFormat, configure_logging"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    lines = done.stderr.splitlines()
    assert re.fullmatch(r"\d\d:\d\d:\d\d test: before", lines[0])
    assert lines[1].endswith(" test: during")
    assert lines[2] == "and more (size=64, job_id=j1)"
    assert " test: WARNING: " in lines[3]
    assert " test: ERROR: after" in done.stderr
    assert lines[-1] == "ZeroDivisionError: division by zero"


@pytest.mark.parametrize(("terminal", "expected"), [(True, "test: hello"), (False, '"hello"')])
def test_lines_are_plain_on_a_terminal_only(terminal: bool, expected: str) -> None:
    code = (
        "import logging; from core.runtime.logs import LogFormat, configure_logging; "
        "configure_logging('INFO', 'test', LogFormat.AUTO); logging.info('hello')"
    )
    reader, writer = os.openpty() if terminal else os.pipe()
    subprocess.run([sys.executable, "-c", code], stderr=writer, check=True)
    os.close(writer)
    written = os.read(reader, 1000).decode()
    os.close(reader)
    assert expected in written
