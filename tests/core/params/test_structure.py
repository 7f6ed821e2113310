"""Every parameter has an effect."""

from __future__ import annotations

import ast

from core.params import StyleParams
from tests.source import MODULES, relative, tree

#: Parameters that only set the defaults of others.
RESOLVED = {"preset"}


def _reads() -> set[str]:
    """Return the attributes that any code reads from parameters."""
    return {
        node.attr
        for path in MODULES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute)
        and (
            ast.unparse(node.value).endswith("params")
            or (relative(path) == "core/params/model.py" and ast.unparse(node.value) == "self")
        )
    }


def test_code_reads_every_parameter() -> None:
    assert set(StyleParams.model_fields) - _reads() == RESOLVED, "use the parameter"
