"""What ``easel stylize`` keeps of a run: pictures, films, losses, and its state."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import pytest
from PIL import Image

from core.jobs.losses import LossPoint
from core.nst.weights.files import save_weights
from core.params import Network
from tests.cli.conftest import PATIENCE_SECONDS, easel
from tests.conftest import photo, random_weights

QUICK = ("--size", 64, "--steps", 5, "--pyramid", "off", "--network", Network.TORCHVISION.value)


@pytest.fixture
def arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[object, ...]:
    """The pictures and the output, with a tiny network."""
    save_weights(random_weights(0), tmp_path / Network.TORCHVISION.filename)
    monkeypatch.setenv("EASEL_WEIGHTS_DIR", str(tmp_path))
    photo(80, 60, seed=1).save(tmp_path / "content.png")
    photo(60, 80, seed=2).save(tmp_path / "style.png")
    pictures = (tmp_path / "content.png", tmp_path / "style.png")
    return ("stylize", *pictures, "-o", tmp_path / "out.png")


def test_every_step_is_kept_as_a_picture_and_in_a_table_and_a_film(
    arguments: tuple[object, ...], tmp_path: Path
) -> None:
    frames, film, losses = tmp_path / "frames", tmp_path / "film.mp4", tmp_path / "losses.csv"
    done = easel(*arguments, *QUICK, "--frames", frames, "--film", film, "--losses", losses)
    assert done.returncode == 0, done.stderr
    assert [each.name for each in sorted(frames.iterdir())] == [f"0000{n}.png" for n in range(6)]
    with Image.open(frames / "00005.png") as last, Image.open(tmp_path / "out.png") as result:
        assert last.tobytes() == result.tobytes()
    rows = list(csv.DictReader(losses.read_text().splitlines()))
    points = [LossPoint.model_validate(row) for row in rows]
    assert [point.step for point in points] == list(range(6))
    assert (points[-1].fraction, points[-1].width, points[-1].height) == (1, 64, 48)
    assert points[-1].total < points[0].total
    with av.open(film) as opened:
        stream = opened.streams.video[0]
        assert (stream.codec_context.name, stream.width, stream.height) == ("h264", 64, 48)
        assert sum(1 for _ in opened.decode(stream)) == 6 + 24  # the last is held for two seconds


@pytest.mark.parametrize("kind", ["webp", "gif"])
def test_a_film_needs_no_frames_and_no_encoder(
    arguments: tuple[object, ...], tmp_path: Path, kind: str
) -> None:
    film = tmp_path / f"film.{kind}"
    done = easel(*arguments, *QUICK, "--film", film)
    assert done.returncode == 0, done.stderr
    with Image.open(film) as opened:
        assert (opened.format, opened.size) == (kind.upper(), (64, 48))
        assert getattr(opened, "n_frames", 1) == 6


def test_a_film_of_another_kind_is_refused_before_the_run(
    arguments: tuple[object, ...], tmp_path: Path
) -> None:
    done = easel(*arguments, *QUICK, "--film", tmp_path / "film.avi")
    assert done.returncode == 1
    assert "'film.avi' has an unknown extension; expected one of .mp4, .webp, .gif" in done.stderr


def test_a_run_that_is_interrupted_is_resumed(
    arguments: tuple[object, ...], tmp_path: Path
) -> None:
    saved, losses = tmp_path / "saved", tmp_path / "losses.csv"
    long = (*QUICK, "--steps", 5000, "--losses", losses, "--resume", saved)
    command = [sys.executable, "-m", "easel", *map(str, (*arguments, *long))]
    with subprocess.Popen(command, stderr=subprocess.PIPE, env=os.environ) as process:
        end = time.monotonic() + PATIENCE_SECONDS
        while not saved.exists():
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        process.communicate()
    painted = len(losses.read_text().splitlines())
    done = easel(*arguments, *long, "--max-seconds", 1)
    assert done.returncode == 0, done.stderr
    steps = [int(row["step"]) for row in csv.DictReader(losses.read_text().splitlines())]
    assert steps == list(range(len(steps)))
    assert len(steps) > painted // 2  # a new run of a second would have far fewer
    assert not saved.exists()
    saved.write_bytes(b"damaged")
    done = easel(*arguments, *QUICK, "--resume", saved)
    assert done.returncode == 1
    assert "the checkpoint cannot be read" in done.stderr
