"""The documentation agrees with the code."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from api.answers.errors import STATUS
from bench.fleet import page as scale_page
from bench.look.records import read_records
from core import errors
from core.params import StyleParams
from core.settings.model import Settings
from docs import parameters, quality, settings
from tests.source import PACKAGES

#: The errors that the API answers with a status of their own.
SENT = [error for error in STATUS if error is not errors.EaselError]

ROOT = Path(__file__).parent.parent
PAGES = [
    *(ROOT / f"{name}.md" for name in ("README", "CHANGELOG", "CONTRIBUTING", "SECURITY")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "bench").glob("*.md")),
    ROOT / "samples" / "README.md",
]

#: The names of all Python files, for pages that name one without its folder.
FILES = {
    path.name
    for room in (*PACKAGES, "bench", "docs", "samples", "tests", "tools")
    for path in (ROOT / room).rglob("*.py")
}


def test_the_page_of_parameters_is_up_to_date() -> None:
    assert parameters.PAGE.read_text() == parameters.page(), "run: python -m docs.parameters"


def test_the_page_of_the_fleet_is_up_to_date() -> None:
    figures = json.loads(scale_page.FIGURES.read_text())
    assert scale_page.PAGE.read_text() == scale_page.page(figures), (
        "run: python -m bench.fleet.page"
    )


def test_the_page_of_the_pictures_is_up_to_date() -> None:
    records = read_records(quality.FIGURES)
    assert quality.PAGE.read_text() == quality.page(records), "run: python -m docs.quality"


def test_every_parameter_is_described() -> None:
    for name, field in StyleParams.model_fields.items():
        assert field.description, name


def test_the_table_of_settings_is_up_to_date() -> None:
    assert settings.PAGE.read_text() == settings.page(), "run: python -m docs.settings"


def test_every_setting_is_described() -> None:
    text = settings.table()
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert text.count(f"| `EASEL_{name.upper()}` |") == 1, name


def test_every_error_of_the_api_is_documented() -> None:
    text = (ROOT / "docs" / "api.md").read_text()
    found = [errors.EaselError]
    for error in found:
        found += error.__subclasses__()
        if any(cls in error.__mro__ for cls in SENT):
            assert f"`{error.code}`" in text, error


def pages() -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix()
    )


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub forms them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}


@pages()
def test_every_relative_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#]*)#?([^)]*)\)", page.read_text()):
        if "://" not in target:
            linked = page.parent / target if target else page
            assert linked.exists(), target
            assert not anchor or anchor in anchors(linked), f"{target}#{anchor}"


@pages()
def test_every_file_and_folder_that_a_page_names_exists(page: Path) -> None:
    named = re.findall(r"`((?:[\w.-]+/)*[\w.-]+\.(?:py|lua|md|txt|yml|yaml))`", page.read_text())
    folders = re.findall(r"`((?:[\w.-]+/)+)`", page.read_text())
    for name in [*named, *folders]:
        foreign = name.startswith("skimage/")
        assert foreign or (ROOT / name).exists() or name in FILES, name


@pages()
def test_every_module_that_a_page_runs_exists(page: Path) -> None:
    for name in re.findall(r"python -m ((?:[a-z_]+\.)*[a-z_]+)", page.read_text()):
        # The installed package has the others inside; see tools/wheel.py.
        path = ROOT / name.removeprefix("easel.").replace(".", "/")
        module = path.with_suffix(".py").exists() or (path / "__main__.py").exists()
        assert module or name in ("pip", "venv"), name


@pages()
def test_prose_keeps_to_120_columns(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    for line in text.splitlines():
        if not line.startswith(("|", "    ", "<!--")):
            assert len(line) <= 120, line


def test_every_make_target_in_the_docs_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for page in PAGES:
        for target in re.findall(r"`?make ([a-z]+(?:-[a-z]+)*)\b`", page.read_text()):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"{page.name}: {target}"


def test_the_changelog_has_a_section_for_the_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert f"## {version}" in changelog or "## Unreleased" in changelog


@pytest.mark.parametrize(
    ("file", "pattern"),
    [
        ("Dockerfile.api", r"ARG VERSION=(\S+)"),
        ("Dockerfile.worker", r"ARG VERSION=(\S+)"),
        ("deploy/kubernetes/base/kustomization.yaml", r"newTag: ([\d.]+)"),
        ("deploy/kubernetes/components/gpu/kustomization.yaml", r"newTag: ([\d.]+)"),
        ("docs/kubernetes.md", r"-t easel-\w+:([\d.]+)"),
    ],
)
def test_files_that_cannot_read_the_version_repeat_it(file: str, pattern: str) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert set(re.findall(pattern, (ROOT / file).read_text())) == {version}


def test_no_page_contains_a_placeholder() -> None:
    for page in PAGES:
        assert not re.search(r"@@|TODO|TBD", page.read_text()), page.name
