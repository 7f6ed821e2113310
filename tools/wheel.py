"""Builds the wheel: one package, ``easel``, which has all others inside.

A wheel with top-level packages named ``api`` or ``core`` would do harm: a user's own ``api.py``
would shadow them, or they would shadow it. So the wheel has ``easel/api``, ``easel/core`` and so
on, and every import of ``core.params`` becomes one of ``easel.core.params``. Lines keep their
numbers. Modules that are named in text, as in ``python -m worker``, get their names from
``core.runtime.modules``.

An editable installation needs none of this: it has the source tree as it is.
"""

from __future__ import annotations

import ast
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

#: The packages of the source tree that the wheel has in ``easel``.
INNER = ("api", "cli", "core", "samples", "worker")
OUTER = "easel"

_NAME = re.compile(rf"({'|'.join(INNER)})\b")


class WheelHook(BuildHookInterface[Any]):
    """Adds the rewritten packages to a wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write the rewritten modules, and name them and all other files to the builder."""
        if version == "editable":
            return
        self._folder = tempfile.TemporaryDirectory()  # removed with the hook, after the build
        root = Path(self.root)
        for file in _files(root):
            source, inside = root / file, file
            if file.parts[0] != OUTER:
                inside = Path(OUTER) / file
            if file.suffix == ".py":
                source = Path(self._folder.name) / file
                source.parent.mkdir(parents=True, exist_ok=True)
                source.write_text(rewritten((root / file).read_text("utf-8"), str(file)), "utf-8")
            build_data["force_include"][str(source)] = inside.as_posix()


def _files(root: Path) -> Iterator[Path]:
    """Yield the files of all packages, relative to the root."""
    for package in (OUTER, *INNER):
        for path in sorted((root / package).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path.relative_to(root)


def rewritten(source: str, name: str) -> str:
    """Return a module whose imports name the packages inside ``easel``.

    Args:
        source: the module.
        name: its path, for errors.

    Raises:
        ValueError: the module has ``import core.params``, which binds the name ``core``.
    """
    lines = source.encode().splitlines(keepends=True)  # the parser counts columns in bytes
    for line, column in sorted(_places(ast.parse(source, name), name), reverse=True):
        before, after = lines[line - 1][:column], lines[line - 1][column:]
        lines[line - 1] = before + _NAME.sub(rf"{OUTER}.\1", after.decode(), count=1).encode()
    return b"".join(lines).decode()


def _places(module: ast.Module, path: str) -> Iterator[tuple[int, int]]:
    """Yield line and column of every statement or name that imports one of our packages."""
    for node in ast.walk(module):
        if isinstance(node, ast.ImportFrom) and not node.level and _NAME.match(node.module or ""):
            yield node.lineno, node.col_offset
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if _NAME.match(alias.name):
                    if alias.asname is None:
                        raise ValueError(
                            f"{path}:{node.lineno}: `import {alias.name}` binds the name of the "
                            "package, which is another one in the wheel; use `from ... import`"
                        )
                    yield alias.lineno, alias.col_offset
