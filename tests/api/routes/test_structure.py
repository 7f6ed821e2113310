"""A new event is missing in no place that clients see."""

from __future__ import annotations

import re
from pathlib import Path

from core.jobs.events import PUBLIC_EVENTS

DOCS = Path(__file__).parent.parent.parent.parent / "docs"


def test_the_documentation_lists_every_event() -> None:
    section = (DOCS / "api.md").read_text().partition("\n## Events\n")[2]
    rows = re.findall(r"^\| (`.*?) \|", section.partition("\n## ")[0], re.MULTILINE)
    assert re.findall(r"`(\w+)`", " ".join(rows)) == list(PUBLIC_EVENTS)
