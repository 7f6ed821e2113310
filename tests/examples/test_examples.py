"""The example scripts of the documentation."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.examples.conftest import QUICK, Running

EXAMPLES = Path(__file__).parent.parent.parent / "docs" / "examples"
PARAMS = [f"{name}={value}" for name, value in QUICK.items()]

needs_curl = pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")


def environment(easel: Running) -> dict[str, str]:
    return {**os.environ, "EASEL_SERVER": easel.url, "EASEL_API_KEY": easel.key}


def is_painted(picture: bytes) -> bool:
    with Image.open(io.BytesIO(picture)) as opened:
        opened.load()
        return opened.size == (64, 48)


def run(easel: Running, *command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(each) for each in command],
        env=environment(easel),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@needs_curl
def test_the_shell_script_creates_a_picture(easel: Running, tmp_path: Path) -> None:
    painted = tmp_path / "painted.png"
    done = run(easel, "sh", EXAMPLES / "paint.sh", easel.content, easel.style, painted, *PARAMS)
    assert (done.returncode, done.stdout) == (0, f"{painted}\n"), done.stderr
    assert is_painted(painted.read_bytes())


@needs_curl
def test_the_shell_script_fails_on_an_error(easel: Running, tmp_path: Path) -> None:
    painted = tmp_path / "painted.png"
    done = run(easel, "sh", EXAMPLES / "paint.sh", easel.content, easel.style, painted, "size=1")
    assert done.returncode != 0
    assert not painted.exists()


def test_the_python_script_creates_a_picture(easel: Running, tmp_path: Path) -> None:
    painted = tmp_path / "painted.png"
    script = EXAMPLES / "paint.py"
    done = run(easel, sys.executable, script, easel.content, easel.style, painted, *PARAMS)
    assert (done.returncode, done.stdout) == (0, f"{painted}\n"), done.stderr
    assert is_painted(painted.read_bytes())
    refused = run(easel, sys.executable, script, easel.content, easel.style, painted, "size=1")
    assert "size: '1' is invalid" in refused.stderr
