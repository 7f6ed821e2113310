"""``easel.stylize`` and ``easel.paint`` with a tiny network."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import easel
from core.nst.weights.files import save_weights
from core.params import Network
from tests.conftest import photo, random_weights

QUICK: dict[str, Any] = {"size": 64, "steps": 6, "pyramid": "off", "device": "cpu"}
QUICK["network"] = Network.TORCHVISION.value


@pytest.fixture(autouse=True)
def _tiny_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_weights(random_weights(0), tmp_path / Network.TORCHVISION.filename)
    monkeypatch.setenv("EASEL_WEIGHTS_DIR", str(tmp_path))


@pytest.fixture
def content() -> Image.Image:
    return photo(80, 60, seed=1)


@pytest.fixture
def style() -> Image.Image:
    return photo(60, 80, seed=2)


def test_a_picture_is_returned(content: Image.Image, style: Image.Image) -> None:
    picture = easel.stylize(content, style, **QUICK)
    assert (picture.size, picture.mode) == ((64, 48), "RGB")
    assert picture.tobytes() != content.resize((64, 48)).tobytes()


def test_files_give_the_same_picture_as_pictures_in_memory(
    content: Image.Image, style: Image.Image, tmp_path: Path
) -> None:
    paths = tmp_path / "content.png", tmp_path / "style.png"
    content.save(paths[0])
    style.save(paths[1])
    from_paths = easel.stylize(str(paths[0]), paths[1].read_bytes(), **QUICK)
    assert from_paths.tobytes() == easel.stylize(content, [style], **QUICK).tobytes()


def test_the_result_has_the_transparency_of_the_content(
    content: Image.Image, style: Image.Image
) -> None:
    content.putalpha(90)
    picture = easel.stylize(content, style, **QUICK)
    assert picture.getchannel("A").getextrema() == (90, 90)


def test_every_step_has_its_losses_and_picture(content: Image.Image, style: Image.Image) -> None:
    steps = list(easel.paint(content, style, **QUICK))
    assert [(each.step, each.steps) for each in steps] == [(step, 6) for step in range(7)]
    losses = [float(each.loss.total) for each in steps]
    assert losses[-1] < losses[0]
    assert steps[3].picture().size == (64, 48)


def test_a_painting_goes_on_from_a_checkpoint(content: Image.Image, style: Image.Image) -> None:
    *steps, last = easel.paint(content, style, **QUICK)
    saved = steps[3].checkpoint()
    first, *_, resumed = easel.paint(content, style, **QUICK, resume=saved)
    assert first.step == 3
    assert resumed.picture().tobytes() == last.picture().tobytes()
    with pytest.raises(easel.EaselError, match="belongs to other pictures or parameters"):
        next(easel.paint(style, content, **QUICK, resume=saved))


def test_a_painting_is_changed_finished_and_painted_again(
    content: Image.Image, style: Image.Image
) -> None:
    painting = easel.paint(content, style, **QUICK, strength=0.2)
    for step in painting:
        if step.step == 2:
            painting.change(strength=0.8)
        if step.step == 4:
            painting.finish()
    assert (step.step, painting.params.strength) == (4, 0.8)
    *_, again = easel.paint(content, style, **QUICK, strength=0.2, edits=painting.edits)
    assert again.picture().tobytes() == step.picture().tobytes()


def test_an_invalid_parameter_is_named_before_anything_is_computed(
    content: Image.Image, style: Image.Image
) -> None:
    with pytest.raises(easel.InvalidRequest, match="strengh: is not a parameter") as raised:
        easel.stylize(content, style, strengh=0.7)
    assert [each.field for each in raised.value.errors] == ["strengh"]


def test_importing_easel_loads_neither_torch_nor_httpx() -> None:
    code = "import easel, sys; print(*({'torch', 'httpx', 'numpy', 'PIL'} & sys.modules.keys()))"
    loaded = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert loaded.strip() == ""


def test_a_missing_torch_is_named_with_the_command_that_installs_it(tmp_path: Path) -> None:
    photo(64, 64).save(tmp_path / "a.png")
    code = (
        "import sys; sys.modules['torch'] = None; import easel\n"
        "try: easel.stylize('a.png', 'a.png')\n"
        "except easel.PackageMissing as error: print(error)"
    )
    printed = subprocess.check_output([sys.executable, "-c", code], text=True, cwd=tmp_path)
    assert printed == "torch is not installed; install it with: pip install 'easel[worker]'\n"


def test_all_public_names_can_be_imported() -> None:
    for name in easel.__all__:
        assert getattr(easel, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'paintings'"):
        _ = easel.paintings
