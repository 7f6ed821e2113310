"""Tries a release as a stranger would: ``make release-check``.

A fresh clone of the last commit runs the service and all tests. A wheel of it is installed into an
empty environment, which paints a picture. With a Docker engine, both images are built and tried.
Packages and weights come from the caches of this machine, or are downloaded.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

_ROOT = Path(__file__).parent.parent
_PORT = 8731
_PICTURES = ("samples/photos/cat.jpg", "samples/styles/embers.jpg")


class NotReady(Exception):
    """The release has a defect. The message says which."""


def main() -> None:
    """Run all checks, and end with status 1 at the first that fails."""
    try:
        _check_texts()
        with tempfile.TemporaryDirectory(prefix="easel-release-") as folder:
            clone = Path(folder) / "easel"
            _run("git", "clone", "--quiet", _ROOT, clone)
            _try_service(clone)
            _try_wheel(clone, Path(folder))
            _run("make", "test", cwd=clone)
            _try_images(clone)
    except NotReady as error:
        sys.exit(f"release-check: {error}")
    _say("everything passed")


def _check_texts() -> None:
    """Check that the commit is complete and the changelog has the version with a date."""
    if _output("git", "status", "--porcelain"):
        raise NotReady("there are changes that are not committed; commit or remove them")
    version = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]["version"]
    changelog = (_ROOT / "CHANGELOG.md").read_text()
    if not re.search(rf"^## {re.escape(version)} - \d{{4}}-\d\d-\d\d$", changelog, re.MULTILINE):
        raise NotReady(f"CHANGELOG.md has no heading `## {version} - YYYY-MM-DD`")


def _try_service(clone: Path) -> None:
    """Start ``make serve`` in the clone, let it paint a picture, and stop it."""
    _say("make serve")
    environment = {**os.environ, "EASEL_DATA_DIR": str(clone.parent / "data")}
    with subprocess.Popen(
        ("make", "serve", f"PORT={_PORT}"),
        cwd=clone,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as service:
        assert service.stdout is not None
        try:
            if not any(line.startswith("Easel is ready") for line in service.stdout):
                raise NotReady("make serve ended before the service was ready")
            address = ("--server", f"http://127.0.0.1:{_PORT}")
            painted = clone.parent / "served.png"
            easel = clone / ".venv/bin/easel"
            options = ("-o", painted, "--size", "128")
            _run(easel, "submit", *_PICTURES, *options, *address, cwd=clone)
        finally:
            os.killpg(service.pid, signal.SIGINT)
            service.communicate()


def _try_wheel(clone: Path, folder: Path) -> None:
    """Install a wheel of the clone into an empty environment, and paint with it elsewhere."""
    _say("the wheel in an empty environment")
    _run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", folder, clone)
    (wheel,) = folder.glob("easel-*.whl")
    _run(sys.executable, "-m", "venv", folder / "env")
    python = folder / "env/bin/python"
    _run(python, "-m", "pip", "install", "--quiet", f"{wheel}[worker]")
    pictures = [clone / path for path in _PICTURES]
    code = "import easel, sys; easel.stylize(*sys.argv[1:3], size=128).save(sys.argv[3])"
    _run(python, "-c", code, *pictures, folder / "imported.png", cwd=folder)
    command = (folder / "env/bin/easel", "stylize", *pictures)
    _run(*command, "-o", folder / "commanded.png", "--size", "128", cwd=folder)


def _try_images(clone: Path) -> None:
    engine = shutil.which("docker")
    if engine is None or subprocess.run([engine, "info"], capture_output=True).returncode != 0:
        _say("no Docker engine runs here: the images were not tried")
        return
    _run("make", "compose-test", cwd=clone)


def _run(*command: object, cwd: Path = _ROOT) -> None:
    words = [str(each) for each in command]
    _say(" ".join(words))
    if subprocess.run(words, cwd=cwd, check=False).returncode != 0:
        raise NotReady(f"this command failed: {' '.join(words)}")


def _output(*command: str) -> str:
    return subprocess.check_output(command, cwd=_ROOT, text=True)


def _say(text: str) -> None:
    sys.stdout.write(f"release-check: {text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
