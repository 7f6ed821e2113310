"""The examples of docs/python.md, each run as a program of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from core.nst.weights.files import save_weights
from core.params import Network
from tests.conftest import random_weights
from tests.examples.conftest import Running

PAGE = Path(__file__).parent.parent.parent / "docs" / "python.md"
EXAMPLES = re.findall(
    r"^#+ ([^\n]+)\n(?:(?!^#).)*?^```python\n(.*?)^```", PAGE.read_text(), re.M | re.S
)

#: Few steps with the tiny network.
_QUICK = f'size=64, steps=4, pyramid="off", network="{Network.TORCHVISION.value}"'


@pytest.mark.parametrize(("title", "code"), EXAMPLES, ids=[title for title, _ in EXAMPLES])
def test_an_example_paints_a_picture(title: str, code: str, easel: Running, tmp_path: Path) -> None:
    save_weights(random_weights(0), tmp_path / Network.TORCHVISION.filename)
    for name, path in (("photo.jpg", easel.content), ("painting.jpg", easel.style)):
        Image.open(path).save(tmp_path / name)
    (tmp_path / "photos").mkdir()
    Image.open(easel.content).save(tmp_path / "photos" / "one.jpg")
    code = code.replace("http://127.0.0.1:8000", easel.url).replace("size=512", _QUICK)
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "EASEL_API_KEY": easel.key, "EASEL_WEIGHTS_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    painted = list(tmp_path.rglob("*.png"))
    assert painted, title
    for path in painted:
        with Image.open(path) as picture:
            assert picture.size == (64, 48)


def test_every_example_is_run() -> None:
    assert len(EXAMPLES) == PAGE.read_text().count("```python")
