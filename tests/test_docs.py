"""The documentation agrees with the code."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from api.answers.errors import STATUS
from bench.fleet import page as scale_page
from core import errors
from core.params import StyleParams
from core.settings.model import Settings
from docs import parameters, settings

#: The errors that the API answers with a status of their own.
SENT = [error for error in STATUS if error is not errors.EaselError]

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_the_page_of_parameters_is_up_to_date() -> None:
    assert parameters.PAGE.read_text() == parameters.page(), "run: python -m docs.parameters"


def test_the_page_of_the_fleet_is_up_to_date() -> None:
    figures = json.loads(scale_page.FIGURES.read_text())
    assert scale_page.PAGE.read_text() == scale_page.page(figures), (
        "run: python -m bench.fleet.page"
    )


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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_relative_link_leads_to_a_file(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_every_make_target_in_the_docs_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for page in PAGES:
        for target in re.findall(r"`?make ([a-z]+(?:-[a-z]+)*)\b`", page.read_text()):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"{page.name}: {target}"


def test_the_changelog_has_a_section_for_the_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert f"## {version}" in changelog or "## Unreleased" in changelog


def test_no_page_contains_a_placeholder() -> None:
    for page in PAGES:
        assert not re.search(r"@@|TODO|TBD", page.read_text()), page.name
