"""The tree of errors: it is complete, and drawn as it is."""

from __future__ import annotations

import ast

import pytest

from core import errors
from core.errors import EaselError
from tests.source import MODULES, relative, tree


def _lines() -> list[str]:
    """Draw the tree: each class below EaselError with its subclasses, as they are defined."""

    def below(cls: type[EaselError]) -> list[type[EaselError]]:
        return [each for each in cls.__subclasses__() if each.__module__ == errors.__name__]

    *classes, last = below(EaselError)
    return [
        f"{'└' if cls is last else '├'}── "
        + ": ".join(filter(None, [cls.__name__, ", ".join(each.__name__ for each in below(cls))]))
        for cls in [*classes, last]
    ]


def test_no_error_is_more_than_two_classes_below_the_root() -> None:
    deep = [
        grandchild
        for cls in EaselError.__subclasses__()
        for child in cls.__subclasses__()
        for grandchild in child.__subclasses__()
        if grandchild.__module__ == errors.__name__
    ]
    assert not deep, "draw the third level, too"


def test_the_docstring_draws_the_tree_of_errors() -> None:
    drawn = [line for line in (errors.__doc__ or "").splitlines() if "── " in line]
    assert sorted(drawn) == sorted(_lines())


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
