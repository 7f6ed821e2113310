"""The work of a run, and the run time that follows from the measured pace."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from core.jobs.pictures import JobPictures
from core.jobs.waiting.forecast import make_forecast
from core.jobs.work import UNKNOWN_SPEED, Speed, work_of
from core.params import Precision, StyleParams, parse_params


def work(styles: int = 1, **fields: Any) -> int:
    params = parse_params(fields)
    style = round((params.size * params.style_scale) ** 2)
    return work_of(params, JobPictures(params.size**2, (style,) * styles))


def test_a_large_slow_recipe_is_far_more_work_than_a_small_quick_one() -> None:
    paper, quick = work(size=1024, preset="gatys2015"), work(size=64, preset="fast")
    assert paper > 500 * quick
    # 500 steps at one size: nearly all of the work is in the pixels.
    assert paper == pytest.approx(500 * 1024**2, rel=0.02)


def test_a_large_picture_is_computed_twice_on_the_way_back() -> None:
    large, small = (work(size=size, pyramid="off", steps=500) for size in (2048, 1024))
    assert 4 * 1.3 * small < large < 4 * 1.5 * small


def test_the_work_of_a_large_picture_grows_less_than_its_pixels_because_it_takes_fewer_steps() -> (
    None
):
    assert work(size=4096) < 10 * work(size=1024)


@pytest.mark.parametrize(
    ("less", "more"),
    [
        ({"size": 256}, {"size": 512}),
        ({"steps": 28}, {"steps": 29}),
        ({"pyramid": "off"}, {"pyramid": "64:2"}),
        ({"styles": 1}, {"styles": 2}),
        ({"style_scale": 1}, {"style_scale": 2}),
        ({"precision": "bfloat16"}, {"precision": "float32"}),
    ],
)
def test_each_of_these_makes_more_work(less: dict[str, Any], more: dict[str, Any]) -> None:
    assert work(**less) < work(**more)


def test_a_narrow_picture_is_less_work_than_a_square_one() -> None:
    params = StyleParams(size=512, pyramid="off")
    narrow, square = 512 * 128, 512 * 512
    assert work_of(params, JobPictures(narrow, (square,))) < 0.5 * work_of(
        params, JobPictures(square, (square,))
    )


def test_a_large_painting_adds_the_work_of_its_statistics_and_no_steps() -> None:
    params = StyleParams(size=512, pyramid="off")
    narrow, square = 512 * 128, 512 * 512
    more = work_of(params, JobPictures(narrow, (square,))) - work_of(
        params, JobPictures(narrow, (narrow,))
    )
    assert 0 < more < square - narrow  # less than a step of that picture


def test_a_queued_run_in_float32_is_expected_to_take_longer_than_a_default_one() -> None:
    pace = Speed({"seconds:any": 10, "work:any": work(), "seconds:auto": 10, "work:auto": work()})
    forecast = make_forecast(
        datetime.now(UTC), 1, 10, [], [work(), work(precision="float32")], pace
    )
    _, first, second = forecast.starts
    assert second - first > 2 * first


def test_the_run_time_follows_the_pace_of_runs_in_the_same_number_format() -> None:
    averages = {"seconds:any": 30.0, "work:any": 1e7, "seconds:float32": 8.0, "work:float32": 1e6}
    pace = Speed(averages)
    assert pace.seconds(2_000_000, Precision.FLOAT32) == pytest.approx(16)
    assert pace.seconds(2_000_000, Precision.AUTO) == pytest.approx(6)
    assert pace.seconds(2_000_000, Precision.BFLOAT16) == pytest.approx(6)
    assert UNKNOWN_SPEED.seconds(1, Precision.AUTO) is None
