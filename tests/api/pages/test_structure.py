"""The modules of the page import what exists, and the page has no unused export or style."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from api.pages.assets import STATIC

MODULES = sorted((STATIC / "js").rglob("*.js"))
SOURCES = {path: path.read_text() for path in [*MODULES, STATIC / "index.html"]}
CLASSES = set(re.findall(r"\.([a-z][\w-]*)", (STATIC / "page.css").read_text()))


def _name(path: Path) -> str:
    return path.relative_to(STATIC).as_posix()


def _uses(word: str, text: str) -> int:
    return len(re.findall(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text))


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_a_module_imports_names_that_other_modules_export(path: Path) -> None:
    for names, source in re.findall(
        r'^import \{(.*?)\} from "(.*?)";', SOURCES[path], re.MULTILINE
    ):
        target = SOURCES[Path(os.path.normpath(path.parent / source))]
        for name in names.split(","):
            exported = rf"^export (const|class|(async )?function\*?) {name.strip()}\b"
            assert re.search(exported, target, re.MULTILINE), f"{source} does not export {name}"


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_another_module_uses_every_export(path: Path) -> None:
    others = "\n".join(text for other, text in SOURCES.items() if other != path)
    exported = re.findall(
        r"^export (?:const|class|(?:async )?function\*?) (\w+)", SOURCES[path], re.MULTILINE
    )
    assert [name for name in exported if not _uses(name, others)] == []


def test_the_page_uses_every_class_of_the_style_sheet() -> None:
    text = "\n".join(SOURCES.values())
    assert sorted(name for name in CLASSES if not _uses(name, text)) == []


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_a_module_learns_from_the_server_which_results_browsers_display(path: Path) -> None:
    assert not re.search(r"params\.format\s*[!=]==", SOURCES[path])
