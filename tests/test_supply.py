"""No data from outside can run code, and every installed package has a hash."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.queue.app import make_celery
from tests.source import MODULES, ROOT, imports, relative, tree

#: Packages that turn bytes into objects, and so can run code.
_UNPICKLERS = {
    "pickle", "_pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle", "joblib",
    "jsonpickle", "yaml", "billiard.reduction", "multiprocessing",
}  # fmt: skip


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_no_module_imports_a_package_that_unpickles(path: Path) -> None:
    assert not {name for name, _ in imports(path) if name.split(".")[0] in _UNPICKLERS}


def _calls(path: Path) -> Iterator[tuple[str, set[str]]]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            keywords = {f"{word.arg}={ast.unparse(word.value)}" for word in node.keywords}
            yield ast.unparse(node.func), keywords


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_no_module_evaluates_code_or_loads_pickles(path: Path) -> None:
    for function, keywords in _calls(path):
        assert function not in ("eval", "exec", "compile", "__import__", "os.system"), function
        if function == "torch.load" or function.endswith("load_state_dict_from_url"):
            assert "weights_only=True" in keywords
        assert "allow_pickle=True" not in keywords
        assert "shell=True" not in keywords


def test_the_queue_accepts_only_json() -> None:
    conf = make_celery("redis://127.0.0.1:1/0").conf
    assert conf.accept_content == ["json"]
    assert (conf.task_serializer, conf.result_serializer) == ("json", "json")


@pytest.mark.parametrize("path", sorted((ROOT / "requirements").glob("*.txt")), ids=relative)
def test_every_locked_package_has_a_hash(path: Path) -> None:
    text = re.sub(r"\\\n\s*", " ", path.read_text())
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    assert lines
    for line in lines:
        assert re.match(r"[A-Za-z0-9._-]+(\[[a-z,]+\])?==\S+ .*--hash=sha256:[0-9a-f]{64}", line)
