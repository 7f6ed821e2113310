"""The example of a run that is changed from Python."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from PIL import Image

from core.nst import fetch_weights
from core.params import Network
from core.settings.model import Settings
from tests.conftest import photo

SCRIPT = Path(__file__).parent.parent.parent / "docs" / "examples" / "tune.py"


def test_the_script_changes_a_run_and_paints_the_same_picture_again(tmp_path: Path) -> None:
    fetch_weights(Network.NORMALIZED, Settings().weights_dir, list)
    content, style, painted = (tmp_path / name for name in ("c.png", "s.png", "painted.png"))
    photo(160, 128, seed=1).save(content)
    photo(160, 160, seed=2).save(style)
    done = subprocess.run(
        [sys.executable, SCRIPT, content, style, painted],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["step=20", "step=30"]
    with Image.open(painted) as opened:
        assert opened.size == (128, 102)
