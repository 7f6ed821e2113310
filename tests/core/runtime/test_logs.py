"""Structured logs."""

from __future__ import annotations

import json
import subprocess
import sys

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
