"""The source code of the packages as syntax trees, for tests of its structure."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
PACKAGES = ("api", "cli", "core", "easel", "worker")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


class Import(NamedTuple):
    """One imported name and the line that imports it."""

    #: The dotted name of a module of ours, or whatever the statement names.
    name: str
    line: int


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def dotted(path: Path) -> str:
    """Return the module name of a path: ``core.jobs.job``, or ``core.jobs`` for its __init__."""
    return relative(path).removesuffix(".py").removesuffix("/__init__").replace("/", ".")


#: The modules of the packages by their dotted name.
BY_NAME = {dotted(path): path for path in MODULES}


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def imports(path: Path) -> Iterator[Import]:
    """Yield every import of a module, deferred ones and those for type checkers included.

    ``from package import name`` yields ``package.name`` where that is a module of ours.
    """
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                yield Import(submodule if submodule in BY_NAME else node.module, node.lineno)
