"""The site of the documentation."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.source import ROOT


def test_the_site_is_built_without_warnings_and_can_be_searched(tmp_path: Path) -> None:
    site = tmp_path / "site"
    command = [*(sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going"), "-c", "docs"]
    built = subprocess.run(
        [*command, "-d", str(tmp_path / "doctrees"), ".", str(site)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    assert (site / "searchindex.js").stat().st_size > 0
    reference = (site / "docs" / "reference" / "python.html").read_text()
    for name in ("easel.stylize", "easel.paint", "easel.Client.tune", "easel.AsyncClient.events"):
        assert f'id="{name}"' in reference, name
    assert (site / "docs" / "index.html").exists()
