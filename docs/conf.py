"""The configuration of the site, which ``make docs`` builds with Sphinx.

The pages lie where readers of the repository look for them, so the root of the repository is the
source, and links between pages work in both places.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

_ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(_ROOT))  # for the reference of the Python package

project = "Easel"
version = release = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]["version"]
html_title = f"Easel {version}"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
root_doc = "docs/index"
include_patterns = ["*.md", "docs/*.md", "docs/reference/*.md", "bench/*.md", "samples/*.md"]

myst_heading_anchors = 4
suppress_warnings = [
    # The site leaves out the pages beside vendored files. A test checks that links have a target.
    "myst.xref_missing",
    # Examples of JSON leave out parts with three dots.
    "misc.highlighting_failure",
]

autodoc_typehints = "description"
autodoc_member_order = "bysource"

html_theme = "furo"
html_static_path: list[str] = []
html_copy_source = False
html_show_sphinx = False
