"""The page of the pictures shows what its records say."""

from __future__ import annotations

import re

import pytest

from bench.look.records import Record
from bench.look.summary import NAMES
from docs.quality import PUBLISHED, is_shippable, page, rows, shared_pairs


def record(
    recipe: str,
    size: int = 256,
    style: str = "wave.jpg",
    seconds: float | None = 2.0,
    **measures: float,
) -> Record:
    values = {**dict.fromkeys(NAMES, 0.5), **measures}
    return Record("cat.jpg", style, recipe, size, seconds, "", values)


def section(text: str, title: str) -> str:
    found = re.search(rf"^#+ {re.escape(title)}$(.*?)(?=^#|\Z)", text, re.MULTILINE | re.DOTALL)
    return found[1] if found else ""


def test_a_program_is_compared_on_the_pairs_that_it_has() -> None:
    records = [
        record(PUBLISHED, size=512, seconds=None, ge=0.8),
        record("balanced", ge=0.7),
        record("balanced", style="mosaic.jpg", ge=0.1),
        record("fine", style="mosaic.jpg"),
    ]
    text = section(page(records), "The published pictures of neural-style")
    assert "1 pair: cat x wave." in text
    assert re.search(r"\| `neural-style-published` \| 512 \|  \| 0.500 \| 0.800 \|", text)
    assert re.search(r"\| `balanced` \| 256 \| 2.0 \| 0.500 \| 0.700 \|", text)
    assert "`fine`" not in text


def test_a_recipe_without_all_pairs_has_no_row() -> None:
    records = [record("balanced"), record("balanced", style="mosaic.jpg"), record("fast")]
    pairs = shared_pairs(records, ["balanced"])
    assert [group[0].recipe for group in rows(records, ["fast", "balanced"], pairs)] == ["balanced"]


def test_the_page_says_where_the_default_is_worse_than_another_program() -> None:
    records = [
        record(PUBLISHED, size=512, ge=0.8, cfsd=3.0, lp=0.4),
        record("balanced", ge=0.7, cfsd=4.0, lp=0.6),
    ]
    text = section(page(records), "What Easel is worse at")
    assert "GE (0.700, not 0.800), CFSD (4.000, not 3.000)." in " ".join(text.split())
    assert "LP" not in text


def test_sizes_are_compared_by_the_mean_absolute_difference() -> None:
    records = [record("fast", cf=0.5), record("fast", size=1024, cf=0.25)]
    text = section(page(records), "The same look at every size")
    assert "| `fast` | 256 | 1024 | 1 | 0.250 | 0.000 |" in text


def test_the_dial_has_a_row_for_each_strength_in_order() -> None:
    records = [record(f"strength={value}", ge=value) for value in (0.9, 0.1)]
    text = section(page(records), "The dial")
    assert re.findall(r"^\| (0\.\d) \| 256 \| 1 \| 0.500 \| (0\.\d)00", text, re.MULTILINE) == [
        ("0.1", "0.1"),
        ("0.9", "0.9"),
    ]


@pytest.mark.parametrize(
    ("content", "style", "expected"),
    [("cat.jpg", "embers.jpg", True), ("tubingen.jpg", "embers.jpg", False)],
)
def test_only_results_of_samples_may_be_shipped(content: str, style: str, expected: bool) -> None:
    assert is_shippable(Record(content, style, "fast", 64, None, "", {})) is expected


def test_a_page_without_records_has_no_empty_table() -> None:
    assert "| recipe |" not in page([])
