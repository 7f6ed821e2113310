"""The lock file of each image contains every package that its code imports.

The other tests run where everything is installed, so they would not notice a missing one.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent

#: Imports modules while every package outside the lock file appears to be missing.
_IMPORT = """
import importlib, re, sys
from importlib.abc import MetaPathFinder
from importlib.metadata import packages_distributions

normal = lambda name: re.sub(r"[-_.]+", "-", name).lower()
locked = set(sys.argv[1].split(","))
missing = {
    module
    for module, names in packages_distributions().items()
    if not locked & {normal(name) for name in names}
}

class NotLocked(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in missing:
            raise ModuleNotFoundError(f"{name} is not locked", name=name)

sys.meta_path.insert(0, NotLocked())
for module in sys.argv[2:]:
    importlib.import_module(module)
"""


@pytest.mark.parametrize(
    ("part", "modules"),
    [
        (
            "api",
            (
                "api.main",
                "api.webhooks.__main__",
                "api.metrics",
                "core.queue.transport",
                "cli.main",
            ),
        ),
        ("worker", ("worker.__main__", "worker.tasks", "core.queue.transport", "worker.child")),
    ],
)
def test_every_import_of_an_image_is_in_its_lock_file(part: str, modules: tuple[str, ...]) -> None:
    lock = (ROOT / "requirements" / f"{part}.txt").read_text()
    locked = re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE)
    command = [sys.executable, "-c", _IMPORT, ",".join(["easel", *locked]), *modules]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
