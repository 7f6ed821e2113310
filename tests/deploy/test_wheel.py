"""The wheel, installed beside folders and files that have the names of our packages."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from cli.valkey import free_port
from tests.acceptance.conftest import Service
from tests.conftest import photo
from tests.source import ROOT
from tools.wheel import INNER, rewritten

_BOOBY_TRAP = 'raise ImportError("a module of the user was imported")\n'


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(
        *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-build-isolation", "--no-deps"),
        *("--no-index", "--wheel-dir", folder, ROOT),
    )
    (built,) = folder.glob("easel-*.whl")
    return built


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with the wheel, and with our dependencies but not our source."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, with_pip=False, symlinks=True)
    installed = folder / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", installed)
    run(*pip, "install", "--quiet", "--no-deps", "--no-index", wheel)
    (packages,) = folder.glob("lib/python3.*/site-packages")
    # The paths in a .pth file are searched after the folder's own, and their .pth files not read.
    dependencies = Path(sysconfig.get_path("purelib"))
    (packages / "dependencies.pth").write_text(str(dependencies))
    for path in dependencies.glob("easel_cpu_only.pth"):  # torch without CUDA needs it
        shutil.copy(path, packages)
    return installed


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A user's working directory with modules that have the names of our packages."""
    for name in INNER:
        (tmp_path / f"{name}.py").write_text(_BOOBY_TRAP)
    photo(80, 60, seed=1).save(tmp_path / "photo.png")
    photo(60, 80, seed=2).save(tmp_path / "painting.png")
    return tmp_path


def run(*command: object, folder: Path = ROOT) -> str:
    environment = {name: each for name, each in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [str(each) for each in command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_has_one_package_and_the_licence(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    metadata = f"{'-'.join(wheel.name.split('-')[:2])}.dist-info"
    assert {name.split("/")[0] for name in names} == {"easel", metadata}
    assert f"{metadata}/licenses/LICENSE" in names
    for package in INNER:
        assert any(name.startswith(f"easel/{package}/") for name in names), package
    assert "easel/core/store/lua/jobs/claim.lua" in names


def test_importing_easel_imports_nothing_of_the_user_and_no_torch(
    python: Path, folder: Path
) -> None:
    code = (
        "import easel, easel.cli.main, sys; "
        f"print(*({{*{INNER!r}, 'torch'}} & sys.modules.keys()), easel.__file__)"
    )
    assert run(python, "-c", code, folder=folder).split() == [
        str(next(python.parent.parent.glob("lib/python3.*/site-packages")) / "easel/__init__.py")
    ]


def test_the_users_own_modules_stay_importable(python: Path, folder: Path) -> None:
    for name in INNER:
        (folder / f"{name}.py").write_text("mine = True\n")
    code = f"import easel.cli.main, {', '.join(INNER)}; print(core.mine and api.mine)"
    assert run(python, "-c", code, folder=folder) == "True\n"


def test_the_installed_command_paints_a_picture(python: Path, folder: Path) -> None:
    arguments = ("photo.png", "painting.png", "-o", "out.png", "--size", 64, "--steps", 3)
    run(python.parent / "easel", "stylize", *arguments, folder=folder)
    with Image.open(folder / "out.png") as picture:
        assert picture.size == (64, 48)


def test_the_installed_service_completes_a_job(python: Path, folder: Path) -> None:
    service = Service(folder / "data", free_port(), folder, (str(python), "-m", "easel"))
    try:
        service.wait_until_ready()
        fields = {"size": 64, "steps": 3}
        job = service.post(folder / "photo.png", folder / "painting.png", **fields).json()
        assert service.finished(job)["status"] == "succeeded"
    finally:
        assert service.stop() == 0


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("from core.params import StyleParams", "from easel.core.params import StyleParams"),
        ("from core import nst", "from easel.core import nst"),
        ("x = 'ä'; from api import app", "x = 'ä'; from easel.api import app"),
        ("import core.params as p, os", "import easel.core.params as p, os"),
        ("from corelib import api", "from corelib import api"),
        ("import os  # import core.params as p", "import os  # import core.params as p"),
    ],
)
def test_only_imports_of_our_packages_are_rewritten(line: str, expected: str) -> None:
    assert rewritten(f"def f():\n  {line}\n", "x.py") == f"def f():\n  {expected}\n"


def test_an_import_that_binds_the_name_of_a_package_is_refused() -> None:
    with pytest.raises(ValueError, match=r"x.py:1: `import core.params` binds the name"):
        rewritten("import core.params\n", "x.py")
