"""The tree of errors: it is complete, and drawn as it is."""

from __future__ import annotations

import ast

import pytest

from core import errors
from core.errors import EaselError
from tests.source import MODULES, relative, tree


def _lines(cls: type[EaselError], indent: str = "") -> list[str]:
    """Draw the tree below a class, in the order of definition."""
    children = [each for each in cls.__subclasses__() if each.__module__ == errors.__name__]
    lines = []
    for child in children:
        last = child is children[-1]
        lines.append(f"{indent}{'└── ' if last else '├── '}{child.__name__}")
        lines += _lines(child, indent + ("    " if last else "│   "))
    return lines


def test_the_docstring_draws_the_tree_of_errors() -> None:
    drawn = [line for line in (errors.__doc__ or "").splitlines() if "── " in line]
    assert sorted(drawn) == sorted(_lines(EaselError))


def test_all_errors_are_defined_in_one_module() -> None:
    names = {each.__name__ for each in vars(errors).values() if isinstance(each, type)}
    elsewhere = [
        f"{relative(path)}:{node.lineno} {node.name}"
        for path in MODULES
        if relative(path) != "core/errors.py"
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ClassDef)
        and {ast.unparse(base).rpartition(".")[2] for base in node.bases} & names
    ]
    assert not elsewhere


@pytest.mark.parametrize("cls", EaselError.__subclasses__(), ids=lambda cls: cls.__name__)
def test_every_error_has_a_default_message(cls: type[EaselError]) -> None:
    assert cls.__doc__ != EaselError.__doc__
    assert (cls.__doc__ or "").endswith(".")
