"""``easel stylize`` with the real network."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.nst.network.devices import BFLOAT16_UNITS, cpu_capabilities
from core.params import Color, Optimizer, Preset, StyleParams
from tests.cli.conftest import easel
from tests.conftest import photo


@pytest.fixture
def content(tmp_path: Path) -> Path:
    photo(80, 60, seed=1).save(tmp_path / "content.png")
    return tmp_path / "content.png"


@pytest.fixture
def style(tmp_path: Path) -> Path:
    photo(60, 80, seed=2).save(tmp_path / "style.png")
    return tmp_path / "style.png"


def test_the_picture_is_saved_and_its_path_printed(
    content: Path, style: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.png"
    done = easel("stylize", content, style, "-o", output, "--size", 64, "--steps", 5)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(output)
    assert "Step 5/5" in done.stderr
    assert "loss" in done.stderr
    with Image.open(output) as picture:
        assert picture.size == (64, 48)


def test_a_warning_about_a_picture_is_printed(content: Path, style: Path, tmp_path: Path) -> None:
    whole = io.BytesIO()
    photo(60, 80).save(whole, "JPEG")
    (tmp_path / "cut.jpg").write_bytes(whole.getvalue()[:-2])
    arguments = ("-o", tmp_path / "out.png", "--size", 64, "--steps", 1)
    done = easel("stylize", content, tmp_path / "cut.jpg", *arguments)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^Warning: .*cut\.jpg: the file is cut off; ", done.stderr, re.MULTILINE)


@pytest.mark.skipif(bool(BFLOAT16_UNITS & cpu_capabilities()), reason="the CPU has bfloat16 units")
def test_a_warning_about_the_number_format_is_printed(
    content: Path, style: Path, tmp_path: Path
) -> None:
    arguments = ("-o", tmp_path / "out.png", "--size", 64, "--steps", 1)
    done = easel(
        "stylize", content, style, *arguments, "--precision", "bfloat16", EASEL_DEVICE="cpu"
    )
    assert done.returncode == 0, done.stderr
    assert "Warning: precision: the device (cpu) has no bfloat16 units" in done.stderr


def test_the_picture_so_far_is_saved_with_a_warning_when_the_time_is_over(
    content: Path, style: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.png"
    limits = ("--size", 64, "--steps", 5000, "--max-seconds", 1)
    done = easel("stylize", content, style, "-o", output, *limits)
    assert done.returncode == 0, done.stderr
    assert "Warning: the job was ended by its time limit of 1 s\n" in done.stderr
    with Image.open(output) as picture:
        assert picture.size == (64, 48)


def test_the_same_command_gives_the_same_bytes(content: Path, style: Path, tmp_path: Path) -> None:
    outputs = [tmp_path / "one.png", tmp_path / "two.png"]
    for output in outputs:
        easel("stylize", content, style, "-o", output, "--size", 64, "--steps", 3)
    assert outputs[0].read_bytes() == outputs[1].read_bytes()


def test_the_extension_of_the_output_is_its_format(
    content: Path, style: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.jpg"
    easel("stylize", content, style, "-o", output, "--size", 64, "--steps", 1)
    with Image.open(io.BytesIO(output.read_bytes())) as picture:
        assert picture.format == "JPEG"
        assert np.asarray(picture).shape == (48, 64, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--size", "10"], "size: '10' is invalid"),
        (["--steps", "many"], "steps: 'many' is invalid"),
        (["--output", "out.bmp"], "output: 'out.bmp' has an unknown extension"),
        (["--output", "/nowhere/out.png"], "cannot be written"),
    ],
)
def test_an_invalid_option_is_reported_by_name_in_one_line(
    content: Path, style: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    done = easel("stylize", content, style, "-o", tmp_path / "out.png", *arguments)
    assert done.returncode == 1
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_the_result_keeps_the_alpha_of_the_content(style: Path, tmp_path: Path) -> None:
    content, output = tmp_path / "translucent.png", tmp_path / "out.tif"
    picture = photo(80, 60)
    picture.putalpha(Image.new("L", (80, 60), 90))
    picture.save(content)
    done = easel("stylize", content, style, "-o", output, "--size", 64, "--steps", 1)
    assert done.returncode == 0, done.stderr
    with Image.open(output) as opened:
        assert (opened.format, opened.size) == ("TIFF", (64, 48))
        assert opened.getchannel("A").getextrema() == (90, 90)


def test_masks_that_do_not_fit_are_refused_as_by_the_server(
    content: Path, style: Path, tmp_path: Path
) -> None:
    arguments = ("stylize", content, style, "-o", tmp_path / "out.png")
    done = easel(*arguments, "--content-mask", content)
    assert done.returncode == 1
    assert "style_mask: expected one file for each style" in done.stderr
    Image.new("L", (60, 60)).save(tmp_path / "mask.png")
    masks = ("--content-mask", tmp_path / "mask.png", "--style-mask", tmp_path / "mask.png")
    done = easel(*arguments, *masks, "--init-image", style)
    assert "mask.png: is 60x60 pixels upright" in done.stderr


def test_a_detail_map_changes_the_picture(content: Path, style: Path, tmp_path: Path) -> None:
    Image.new("L", (40, 30), 255).save(tmp_path / "map.png")
    arguments = ("stylize", content, style, "--size", 64, "--steps", 3)
    plain, kept = tmp_path / "plain.png", tmp_path / "kept.png"
    assert easel(*arguments, "-o", plain).returncode == 0
    assert easel(*arguments, "-o", kept, "--detail-map", tmp_path / "map.png").returncode == 0
    assert plain.read_bytes() != kept.read_bytes()
    done = easel(*arguments, "-o", kept, "--detail-map", style)
    assert done.returncode == 1
    assert "style.png: is 60x80 pixels upright, which is not in proportion" in done.stderr


def test_a_file_that_is_not_a_picture_is_reported_by_name(style: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.png"
    text.write_text("hello")
    done = easel("stylize", text, style, "-o", tmp_path / "out.png")
    assert done.returncode == 1
    assert "text.png: is not a picture" in done.stderr


@pytest.mark.parametrize("command", ["stylize", "submit"])
def test_every_parameter_is_an_option_but_the_format_of_one_file(command: str) -> None:
    options = set(easel(command, "--help").stdout.split())
    names = StyleParams.model_fields.keys() - {"format"}
    assert {f"--{name.replace('_', '-')}" for name in names} <= options
    # A folder of results has no extension that says the format.
    assert ("--format" in options) == (command == "stylize")


def test_the_help_shows_the_default_of_a_parameter() -> None:
    help_text = " ".join(easel("stylize", "--help").stdout.split())
    defaults = dict(
        re.findall(
            r"--([a-z-]+) (?:VALUE|INTEGER|NUMBER|\[\S+\]) (?:(?! --).)*?\[default: ([^]]*)\]",
            help_text,
        )
    )
    assert (defaults["strength"], defaults["style-blend"]) == ("0.5", "empty")
    assert {defaults[name] for name in ("steps", "style-weight", "pooling")} == {"by preset"}


@pytest.mark.parametrize("command", ["stylize", "submit"])
def test_the_help_shows_the_choices_of_a_parameter(command: str) -> None:
    help_text = "".join(easel(command, "--help").stdout.split())
    for name, choices in (("optimizer", Optimizer), ("preset", Preset), ("color", Color)):
        assert f"--{name}[{'|'.join(each.value for each in choices)}]" in help_text


@pytest.fixture
def folder(tmp_path: Path, content: Path) -> Path:
    (tmp_path / "photos").mkdir()
    for name in ("cat", "dog"):
        (tmp_path / "photos" / f"{name}.png").write_bytes(content.read_bytes())
    (tmp_path / "photos" / "notes.txt").write_text("no picture")
    (tmp_path / "photos" / ".hidden").write_text("not looked at")
    return tmp_path / "photos"


QUICK = ("--size", 64, "--steps", 2)


def test_a_folder_is_painted_with_each_style_and_a_bad_file_is_skipped(
    folder: Path, content: Path, style: Path, tmp_path: Path
) -> None:
    (folder / "dog.png").unlink()
    output = tmp_path / "painted"
    styles = ("--style", style, "--style", content)
    done = easel("stylize", folder, *styles, "-o", output, *QUICK, "--format", "jpeg")
    assert done.returncode == 3, done.stderr
    names = ["cat-content.jpeg", "cat-style.jpeg"]
    assert sorted(path.name for path in output.iterdir()) == names
    assert sorted(done.stdout.split()) == [str(output / name) for name in names]
    assert f"Skipped {folder / 'notes.txt'}: " in done.stderr
    assert "easel: 2 of 4 pictures could not be painted" in done.stderr


def test_a_folder_goes_on_where_it_was_interrupted(
    folder: Path, content: Path, style: Path, tmp_path: Path
) -> None:
    (folder / "notes.txt").unlink()
    output = tmp_path / "painted"
    output.mkdir()
    (output / "cat.png").write_bytes(b"painted earlier")
    done = easel("stylize", folder, style, "-o", output, *QUICK)
    assert done.returncode == 0, done.stderr
    assert "1 of 2 results are there already" in done.stderr
    assert (output / "cat.png").read_bytes() == b"painted earlier"
    alone = tmp_path / "dog.png"
    easel("stylize", content, style, "-o", alone, *QUICK)
    assert (output / "dog.png").read_bytes() == alone.read_bytes()


def test_a_bad_style_stops_a_folder_at_once(folder: Path, tmp_path: Path) -> None:
    done = easel("stylize", folder, folder / "notes.txt", "-o", tmp_path / "painted", *QUICK)
    assert done.returncode == 1
    assert f"{folder / 'notes.txt'}: " in done.stderr
    assert "Skipped" not in done.stderr


def test_a_folder_is_not_painted_into_itself(folder: Path, style: Path) -> None:
    before = sorted(folder.iterdir())
    done = easel("stylize", folder, style, "-o", folder, *QUICK)
    assert done.returncode == 1
    assert "is the folder of the photographs; expected another one" in done.stderr
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize(
    ("option", "message"),
    [("--detail-map", "detail-map: belongs to one picture"), ("--film", "take a single CONTENT")],
)
def test_a_folder_takes_no_options_of_one_picture(
    folder: Path, style: Path, tmp_path: Path, option: str, message: str
) -> None:
    given = style if option == "--detail-map" else tmp_path / "film.mp4"
    done = easel("stylize", folder, style, "-o", tmp_path / "painted", option, given, *QUICK)
    assert done.returncode != 0
    assert message in done.stderr
    assert not (tmp_path / "painted").exists()
