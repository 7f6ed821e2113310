"""Records of pictures, lists of pictures, and the tables made from them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.look.pairs import Pair, read_finished
from bench.look.records import Folder, Record
from bench.look.summary import NAMES, deviation, difference, mean, tables, worst
from tests.conftest import photo

PAIR = Pair(Path("pictures/cat.jpg"), Path("pictures/wave.jpg"))


def record(style: str, size: int, value: float, recipe: str = "balanced") -> Record:
    return Record("cat.jpg", style, recipe, size, 2 * value, "", dict.fromkeys(NAMES, value))


def test_a_folder_keeps_records_and_pictures_for_the_next_command(tmp_path: Path) -> None:
    picture = photo(64, 48)
    made = Folder(tmp_path).add(PAIR, "preset=fast steps=3", 64, 1.5, picture, {"cf": 0.5})
    later = Folder(tmp_path)
    assert later.find(PAIR, "preset=fast steps=3", 64) == made
    assert later.find(PAIR, "preset=fast steps=3", 128) is None
    assert np.array_equal(np.asarray(later.picture(made)), np.asarray(picture))


def test_recipes_with_the_same_letters_have_pictures_of_their_own(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    names = [
        folder.add(PAIR, recipe, 64, None, photo(16, 16), {}).picture
        for recipe in ("tv_weight=1,5", "tv_weight=1.5", "x" * 300, "x" * 301)
    ]
    assert len(set(names)) == 4
    assert all((tmp_path / name).exists() for name in names)


def test_a_later_record_of_the_same_replaces_the_earlier_one(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    for value in (0.25, 0.75):
        folder.add(PAIR, "balanced", 64, None, photo(16, 16), {"cf": value})
    assert [each.measures["cf"] for each in folder.records()] == [0.75]


def test_statistics_are_those_of_numpy() -> None:
    records = [record(f"{value}.jpg", 256, value) for value in (0.1, 0.5, 0.7)]
    values = [0.1, 0.5, 0.7]
    assert mean(records) == pytest.approx([np.mean(values)] * len(NAMES))
    assert deviation(records) == pytest.approx([np.std(values)] * len(NAMES))


def test_the_worst_value_is_the_lowest_but_the_highest_of_a_distance() -> None:
    records = [record(f"{value}.jpg", 256, value) for value in (0.1, 0.5)]
    found = dict(zip(NAMES, worst(records), strict=True))
    assert found["ge"] == 0.1
    assert found["cfsd"] == 0.5


def test_sizes_are_compared_pair_by_pair() -> None:
    small = [record("a.jpg", 256, 0.5), record("b.jpg", 256, 0.5), record("only.jpg", 256, 0.9)]
    large = [record("b.jpg", 1024, 0.3), record("a.jpg", 1024, 0.6)]
    pairs, values = difference(small, large)
    assert pairs == 2
    assert values == pytest.approx([0.15] * len(NAMES))


def test_the_tables_show_each_recipe_and_the_difference_of_its_sizes() -> None:
    text = tables([record("a.jpg", 1024, 0.25), record("a.jpg", 256, 0.75)])
    assert "| cat x a | balanced | 256 | 1.5 | 0.750 |" in text
    assert "| balanced | 256 | 1 | mean | 1.5 | 0.750 |" in text
    assert "| balanced | 256 and 1024 | 1 | 0.500 |" in text


def test_a_list_of_finished_pictures_names_what_made_them(tmp_path: Path) -> None:
    list_of = tmp_path / "list.txt"
    list_of.write_text("# published\na.jpg b.jpg c.png neural-style\n")
    (found,) = read_finished(list_of)
    assert found.pair == Pair(tmp_path / "a.jpg", tmp_path / "b.jpg")
    assert found.picture == tmp_path / "c.png"
    assert found.recipe == "neural-style"


def test_a_line_with_a_word_too_few_is_named(tmp_path: Path) -> None:
    list_of = tmp_path / "list.txt"
    list_of.write_text("\na.jpg b.jpg c.png\n")
    with pytest.raises(ValueError, match=r"line 2 is 'a.jpg b.jpg c.png'; expected a photograph"):
        read_finished(list_of)
