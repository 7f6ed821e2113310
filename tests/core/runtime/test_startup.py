"""Processes that cannot start."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from core.errors import InvalidSetting
from core.runtime.startup import exit_if_settings_are_invalid
from tests.service.servers import ROOT


def test_an_invalid_setting_ends_the_process_with_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as raised, exit_if_settings_are_invalid():
        raise InvalidSetting("EASEL_PORT: 'abc' is invalid")
    assert raised.value.code == 1
    assert capsys.readouterr().err == "easel: EASEL_PORT: 'abc' is invalid\n"


def test_a_worker_refuses_sentinel_in_one_line() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "worker"],
        cwd=ROOT,
        env={**os.environ, "EASEL_REDIS_URL": "sentinel://:secret@host"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert line.startswith("easel: EASEL_REDIS_URL: sentinel:// is not supported; expected")
