"""Runs the ``easel`` command."""

from __future__ import annotations

import os
import subprocess
import sys

PATIENCE_SECONDS = 60


def easel(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ``easel`` to its end, with the environment variables added."""
    return subprocess.run(
        [sys.executable, "-m", "cli", *map(str, arguments)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
