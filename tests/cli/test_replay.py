"""``easel inspect`` and ``easel replay`` with the real network."""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import version
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.conftest import easel
from tests.conftest import photo


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures, and a result of them whose run was cut off by its time limit."""
    folder = tmp_path_factory.mktemp("replay")
    photo(80, 60, seed=1).save(folder / "secret-name.png")
    photo(60, 80, seed=2).save(folder / "style.png")
    photo(80, 60, seed=3).convert("L").save(folder / "map.png")
    pictures = (folder / "secret-name.png", folder / "style.png")
    limits = ("--size", 64, "--steps", 5000, "--max-seconds", 1)
    more = ("--strength", 0.8, "--detail-map", folder / "map.png")
    done = easel("stylize", *pictures, "-o", folder / "result.webp", *limits, *more)
    assert done.returncode == 0, done.stderr
    return folder


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def inputs(folder: Path) -> tuple[object, ...]:
    pictures = ("--content", folder / "secret-name.png", "--style", folder / "style.png")
    return (*pictures, "--detail-map", folder / "map.png")


def test_inspect_prints_how_a_result_was_made(folder: Path) -> None:
    done = easel("inspect", folder / "result.webp")
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    assert (made["params"]["strength"], made["params"]["size"]) == (0.8, 64)
    assert made["edits"][-1]["finish"] is True
    assert made["inputs"] == {
        "content": digest(folder / "secret-name.png"),
        "style": [digest(folder / "style.png")],
        "init_image": None,
        "content_mask": None,
        "style_mask": [],
        "detail_map": digest(folder / "map.png"),
    }
    assert made["machine"]["easel"] == version("easel")
    assert "secret" not in done.stdout


def test_replay_makes_the_same_bytes(folder: Path) -> None:
    # The cores that other jobs leave decide the threads of a new run, but not of a replay.
    output = folder / "again.webp"
    done = easel("replay", folder / "result.webp", *inputs(folder), "-o", output)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    assert done.stdout.strip() == str(output)
    assert output.read_bytes() == (folder / "result.webp").read_bytes()


def test_replay_names_what_differs(folder: Path) -> None:
    with Image.open(folder / "result.webp") as opened:
        packet = opened.info["xmp"].replace(b'"torch":"', b'"torch":"0.')
        opened.save(folder / "older.webp", xmp=packet)
    output = folder / "new.webp"
    done = easel("replay", folder / "older.webp", *inputs(folder), "-o", output)
    assert done.returncode == 0, done.stderr
    assert "Warning: the bytes may differ: torch was 0." in done.stderr
    assert f"Warning: {output} has other bytes than {folder / 'older.webp'}" in done.stderr


def test_replay_refuses_other_files_before_it_reads_them(folder: Path) -> None:
    (folder / "other.png").write_bytes(b"no picture")
    pictures = ("--content", folder / "other.png", "--style", folder / "style.png")
    done = easel("replay", folder / "result.webp", *pictures, "-o", folder / "out.webp")
    assert done.returncode == 1
    expected = digest(folder / "secret-name.png")
    assert f"the result was made from {expected}; give the same file" in done.stderr
    assert "detail_map: the result was made from 1 file, and 0 were given" in done.stderr
    assert not (folder / "out.webp").exists()


def test_replay_keeps_the_format(folder: Path) -> None:
    done = easel("replay", folder / "result.webp", *inputs(folder), "-o", folder / "out.png")
    assert done.returncode == 1
    assert "output: 'out.png' is a png, and the result is a webp" in done.stderr


def test_a_picture_that_is_no_result_is_refused_by_name(folder: Path) -> None:
    done = easel("inspect", folder / "style.png")
    assert done.returncode == 1
    assert f"easel: {folder / 'style.png'}: does not say how it was made" in done.stderr
    assert len(done.stderr.splitlines()) == 1
