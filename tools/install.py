"""Installs Easel into ``.venv``, from lock files with hashes: for ``make``.

    python -m tools.install serve cpu

``serve`` is what runs the service, ``dev`` adds the tools for developers. ``cpu`` leaves out what
torch needs only with an NVIDIA GPU, ``cuda`` does not. A file in ``.venv``, such as ``serve-cpu``,
marks that an installation is complete. An environment without one was interrupted, is broken, or
belongs to the other device: it is made again. Uv keeps the downloaded packages, so this is quick.

This uses only the standard library, because it runs before anything is installed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import venv
from importlib.util import find_spec
from pathlib import Path

from tools.cpu_only import prune, without_cuda

LOCKS = {"serve": "requirements/local.txt", "dev": "requirements/dev.txt"}
DEVICES = ("cpu", "cuda")

_WINDOWS = os.name == "nt"


class NotInstalled(Exception):
    """The installation failed. The message has the reason and the remedy."""


def install(folder: Path, part: str, device: str) -> None:
    """Install into ``.venv`` of the folder.

    Args:
        folder: the root of the repository.
        part: ``serve`` or ``dev``.
        device: ``cpu`` or ``cuda``.

    Raises:
        NotInstalled: a step failed.
    """
    environment = folder / ".venv"
    if not is_complete(environment, device):
        _make(environment)
    for marker in _markers(environment, device):
        marker.unlink(missing_ok=True)
    python, uv = (_program(environment, name) for name in ("python", "uv"))
    pip = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    _run(*pip, "--require-hashes", "-r", folder / "requirements" / "bootstrap.txt")
    # Not "uv pip sync", which would remove the tools that "make serve" does not need.
    uv_install = (uv, "pip", "install", "--quiet", "--python", python)
    _install_packages(uv_install, folder / LOCKS[part], environment, device)
    build = ("--build-constraints", folder / "requirements" / "build.txt")
    _run(*uv_install, *build, "--no-deps", "--editable", folder)
    for marker in _markers(environment, device, part):
        marker.touch()


def is_complete(environment: Path, device: str) -> bool:
    """Return whether the environment has a complete installation for the device."""
    complete = any(marker.exists() for marker in _markers(environment, device))
    return complete and _program(environment, "python").exists()


def _markers(environment: Path, device: str, part: str = "dev") -> list[Path]:
    """Return the files that mark the part, which for ``dev`` has the service too."""
    parts = ("serve",) if part == "serve" else ("serve", "dev")
    return [environment / f"{each}-{device}" for each in parts]


def _make(environment: Path) -> None:
    if find_spec("ensurepip") is None:
        raise NotInstalled(
            f"{sys.executable} cannot make a virtual environment with pip. On Debian and Ubuntu, "
            "run: apt install python3-venv. Or name another Python: make PYTHON=python3.12 ..."
        )
    venv.create(environment, clear=True, symlinks=not _WINDOWS, with_pip=True)


def _install_packages(
    uv_install: tuple[str | Path, ...], lock: Path, environment: Path, device: str
) -> None:
    complete = (*uv_install, "--require-hashes", "-r", lock)
    if device == "cuda" or sys.platform != "linux":
        _run(*complete)
        return
    with tempfile.TemporaryDirectory() as folder:
        reduced = Path(folder) / lock.name
        reduced.write_text(without_cuda(lock.read_text()))
        _run(*uv_install, "--no-deps", "--require-hashes", "-r", reduced)
    try:
        prune(environment)
    except subprocess.CalledProcessError:
        sys.stderr.write("Torch needs the CUDA libraries here; installing them too ...\n")
        _run(*complete, "--reinstall-package", "torch")


def _program(environment: Path, name: str) -> Path:
    return environment / ("Scripts" if _WINDOWS else "bin") / (f"{name}.exe" if _WINDOWS else name)


def _run(*command: str | Path) -> None:
    try:
        subprocess.run(command, check=True)
    except subprocess.CalledProcessError as error:
        shown = " ".join(map(str, command))
        raise NotInstalled(f"{shown} failed with status {error.returncode}") from error


def main() -> None:
    """Install the part and the device that the arguments name."""
    if sys.version_info < (3, 11):  # noqa: UP036 - nothing has checked the version yet
        sys.exit(
            f"Easel needs Python 3.11 or later; this is {sys.version.split()[0]}. "
            "Name another with: make PYTHON=python3.12 ..."
        )
    part, device = sys.argv[1:]
    sys.stderr.write("Installing Easel into .venv (once) ...\n")
    try:
        install(Path(__file__).parent.parent.absolute(), part, device)
    except NotInstalled as error:
        sys.exit(f"Easel is not installed: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
