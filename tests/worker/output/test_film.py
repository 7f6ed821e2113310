"""The frames of a job's film."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

from core.pictures.film import unpack_frames
from worker.output.film import Film
from worker.output.previews import thumbnail


def grey(level: float) -> torch.Tensor:
    return torch.full((1, 3, 32, 48), level)


def recorded(count: int, fractions: list[float]) -> list[float]:
    """The grey of each frame of a film, after steps whose grey is the fraction of the work."""
    with Film(count) as film:
        for fraction in fractions:
            if film.due(fraction):
                film.add(grey(fraction), fraction)
    file = film.frames(thumbnail(grey(1)))["film"]
    frames = [Image.open(io.BytesIO(each)) for each in unpack_frames(file.data)]
    return [round(float(np.asarray(frame).mean()) / 255, 2) for frame in frames]


def test_frames_lie_at_even_distances_of_the_work_and_end_with_the_result() -> None:
    steps = [step / 100 for step in range(1, 101)]
    assert recorded(4, steps) == pytest.approx([0.01, 0.25, 0.5, 0.75, 1], abs=0.01)


def test_a_run_of_few_steps_has_a_frame_of_each() -> None:
    assert recorded(24, [0.2, 0.9, 1.0]) == pytest.approx([0.2, 0.9, 1], abs=0.01)


def test_a_film_of_no_frames_is_none() -> None:
    film = Film(0)
    assert not film.due(0.5)
    assert film.frames(thumbnail(grey(1))) == {}
