"""The page in Firefox."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.conftest import Service
from tests.page.firefox import Firefox
from tests.page.steps import AXE

HEADING = 'document.querySelector("h1").textContent'


@pytest.fixture
def firefox(tmp_path: Path) -> Iterator[Firefox]:
    path = shutil.which("firefox-esr") or shutil.which("firefox")
    if path is None:
        pytest.skip("Firefox is not installed: apt-get install firefox-esr")
    with Firefox(path, tmp_path) as firefox:
        yield firefox


def check_accessible(firefox: Firefox) -> None:
    """Assert that axe-core finds no accessibility problems."""
    firefox.run(f"(() => {{ {AXE} }})()")
    found = firefox.run(
        """axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) =>
            violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html.slice(0, 160))]))"""
    )
    assert found == []


def test_two_samples_become_a_picture_in_firefox(firefox: Firefox, service: Service) -> None:
    firefox.open(f"http://127.0.0.1:{service.port}/")
    firefox.wait('document.querySelector(".hero")')
    firefox.run('localStorage.setItem("easel-live-off", "1")')
    firefox.open(f"http://127.0.0.1:{service.port}/")
    firefox.wait('document.querySelector(".hero")')
    check_accessible(firefox)
    firefox.click('[data-sample="cat.jpg"]')
    firefox.click('[data-sample="woodblock.jpg"]')
    firefox.wait('document.querySelectorAll(".tile img").length === 2')
    firefox.click("details.drawer summary")
    firefox.wait('document.querySelector(".setting-group")')
    check_accessible(firefox)
    firefox.click('[data-field="detail_map"] button')
    firefox.click(".painter [role=application]")
    firefox.wait('document.querySelector(".painter").innerText.includes("Green keeps the details")')
    check_accessible(firefox)
    firefox.click(".painter .primary")
    firefox.fill('[aria-label="Size value"]', "64")
    firefox.fill('[aria-label="Steps value"]', "3")
    firefox.click(".go .primary")
    firefox.wait('location.hash.startsWith("#/jobs/")')
    firefox.wait(f'{HEADING} === "Finished" && document.querySelector(".pair .before")')
    firefox.wait('document.querySelector(".chart canvas")')
    check_accessible(firefox)
    firefox.open(f"http://127.0.0.1:{service.port}/#/pictures")
    firefox.wait('document.querySelector(".card img")?.naturalWidth')
    check_accessible(firefox)
    assert firefox.errors == []
