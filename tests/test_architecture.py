"""The rules about which part may know which, as tests."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("api", "cli", "core", "worker")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))

#: What the modules under a folder must not import; the longest match counts.
FORBIDDEN = {
    "core": ("api", "worker", "cli", "fastapi", "starlette", "torch", "torchvision", "core.nst"),
    "core/nst": (
        "api", "worker", "cli", "fastapi", "starlette", "redis", "celery", "kombu", "os.environ",
        "core.settings", "core.runtime", "core.jobs", "core.store", "core.blobs", "core.queue",
        "core.upkeep", "core.webhooks",
    ),
    "api": ("worker", "cli", "torch", "torchvision", "core.nst"),
    "worker": ("api", "cli", "fastapi", "starlette"),
    "cli": (),
}  # fmt: skip

MAX_LINES = 250


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _imports(path: Path, *, only_at_import: bool = False) -> Iterator[str]:
    tree = ast.parse(path.read_text())
    nodes = _run_on_import(tree.body) if only_at_import else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _run_on_import(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for node in body:
        if isinstance(node, ast.If):
            if "TYPE_CHECKING" not in ast.unparse(node.test):
                yield from _run_on_import(node.body)
        else:
            yield node


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_a_module_imports_only_what_its_part_may_know(path: Path) -> None:
    folder = max((f for f in FORBIDDEN if _name(path).startswith(f + "/")), key=len)
    bad = [
        name
        for name in _imports(path)
        for forbidden in FORBIDDEN[folder]
        if name == forbidden or name.startswith(forbidden + ".")
    ]
    assert not bad, f"{_name(path)} imports {bad}"


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_a_module_stays_small(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MAX_LINES


def test_modules_do_not_import_each_other_in_a_circle() -> None:
    names = {_name(path).removesuffix(".py").replace("/", "."): path for path in MODULES}
    graph = {
        name: {other for other in _imports(path, only_at_import=True) if other in names}
        for name, path in names.items()
    }
    while graph:
        free = {name for name, needs in graph.items() if not needs & graph.keys()}
        assert free, f"a circle among {sorted(graph)}"
        graph = {name: needs for name, needs in graph.items() if name not in free}


@pytest.mark.parametrize(
    "module", ["torch", "numpy", "tifffile", "core.nst", "worker", "celery", "redis"]
)
def test_importing_the_api_does_not_import_what_is_slow(module: str) -> None:
    code = f"import sys, api.main; sys.exit({module!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_the_parent_of_the_worker_does_not_import_torch() -> None:
    code = "import sys, worker.main, worker.tasks; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_there_is_one_broad_except() -> None:
    broad = [
        f"{_name(path)}:{node.lineno}"
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or ast.unparse(node.type) == "Exception")
    ]
    assert [place.split(":")[0] for place in broad] == ["worker/runner.py"]


def test_tests_wait_for_what_must_happen_and_not_for_time_to_pass() -> None:
    """A sleep is between two looks, in a loop; or it is the fault itself, and says so."""
    fixed = []
    for path in sorted((ROOT / "tests").rglob("*.py")):
        text = path.read_text()
        tree = ast.parse(text)
        looped = {
            id(node)
            for loop in ast.walk(tree)
            if isinstance(loop, ast.While | ast.For | ast.AsyncFor)
            for node in ast.walk(loop)
        }
        fixed += [
            f"{_name(path)}:{node.lineno}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            and ast.unparse(node.func).endswith("sleep")
            and id(node) not in looped
            and "#" not in text.splitlines()[node.lineno - 1]
        ]
    assert not fixed, fixed
