"""Going down a scale, and recovering from losses that are not finite."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest
import torch
from torch import Tensor

from core.errors import LossNotFinite
from core.nst.descent import Reached, descend, descend_all
from core.nst.objective import LossTerms
from core.nst.optimizers.adam import Adam
from core.nst.optimizers.lbfgs import LBFGS

NOTHING = torch.zeros(())


class Valley:
    """A parabola whose loss is not finite where a condition says so."""

    def __init__(self, *, steep: float = 1e9, broken_in: str = "") -> None:
        self.steep = steep
        self.broken_in = broken_in
        self.precision = "bfloat16"
        self.evaluated: list[str] = []

    def with_gradient(self, image: Tensor) -> tuple[LossTerms, Tensor]:
        self.evaluated.append(self.precision)
        total = ((image - 0.5) ** 2).sum()
        if float((image - 0.5).abs().max()) > self.steep or self.precision in self.broken_in:
            total = total * float("nan")
        return LossTerms(total, NOTHING, NOTHING, NOTHING), 2 * (image - 0.5)

    def in_float32(self) -> Valley:
        other = Valley(steep=self.steep, broken_in=self.broken_in)
        other.precision, other.evaluated = "float32", self.evaluated
        return other


def test_a_run_resumed_after_an_incident_goes_on_bit_for_bit() -> None:
    # At this rate the first steps are too far, whatever their number format.
    def descent(optimizer: Adam, image: Tensor, first: int, incidents: int) -> Iterator[Reached]:
        valley: Any = Valley(steep=0.15)
        return descend(valley, image, optimizer, 12, first, incidents)

    whole = list(descent(Adam(3), START, 0, 0))
    assert whole[-1].incidents >= 3  # it came to float32
    for saved in whole:
        optimizer = Adam(3)
        optimizer.restore(saved.state)
        again = list(descent(optimizer, saved.point.image, saved.step, saved.incidents))
        assert [reached.step for reached in again] == list(range(saved.step, 13))
        for resumed in again:
            assert torch.equal(resumed.point.image, whole[resumed.step].point.image)


def test_a_point_resumed_from_is_finite_before_it_is_given() -> None:
    valley = Valley(broken_in="bfloat16")
    first, *_ = descend(valley, START, Adam(0.01), 20, first=7)  # type: ignore[arg-type]
    assert first.step == 7
    assert torch.isfinite(first.point.loss.total)


START = torch.full((1, 1, 2, 2), 0.6)


def run(valley: Valley, rate: float, steps: int = 20) -> list[tuple[int, float]]:
    return [
        (reached.step, float(reached.point.loss.total))
        for reached in descend(valley, START, Adam(rate), steps)  # type: ignore[arg-type]
    ]


def test_every_step_is_given_once_from_the_first_to_the_last() -> None:
    assert [step for step, _ in run(Valley(), 0.01)] == list(range(21))


def test_one_objective_after_the_other_is_followed_with_what_was_learned() -> None:
    class Elsewhere(Valley):
        def with_gradient(self, image: Tensor) -> tuple[LossTerms, Tensor]:
            loss, gradient = super().with_gradient(image + 0.25)
            return loss, gradient

    def followed(optimizer: Adam, image: Tensor, first: int) -> list[Reached]:
        legs: list[tuple[int, Any]] = [(0, Valley()), (6, Valley()), (12, Elsewhere())]
        return list(descend_all(legs, image, optimizer, first))

    whole = followed(Adam(0.02), START, 0)
    assert [reached.step for reached in whole] == list(range(13))
    assert int(whole[7].state["adam.count"]) == 7
    # The second valley's floor is elsewhere, but the first steps there have the first's momentum.
    first_only = [*descend(cast(Any, Valley()), START, Adam(0.02), 12)]
    apart = [
        float((reached.point.image - other.point.image).abs().max())
        for reached, other in zip(whole, first_only, strict=True)
    ]
    assert max(apart[:7]) == 0 < apart[7] < apart[12]
    for saved in whole:
        optimizer = Adam(0.02)
        optimizer.restore(saved.state)
        again = followed(optimizer, saved.point.image, saved.step)
        assert [reached.step for reached in again] == list(range(saved.step, 13))
        assert torch.equal(again[-1].point.image, whole[-1].point.image)


def test_a_step_too_far_is_rolled_back_and_made_smaller() -> None:
    # At this rate the first step lands beyond the edge.
    given = run(Valley(steep=0.15), rate=0.4)
    assert [step for step, _ in given] == list(range(21))
    assert all(loss == loss for _, loss in given)
    assert given[-1][1] < given[0][1]


def test_when_smaller_steps_do_not_help_float32_is_tried() -> None:
    valley = Valley(broken_in="bfloat16")
    given = run(valley, rate=0.01)
    assert valley.evaluated[-1] == "float32"
    assert given[-1][1] < given[0][1]


def test_when_nothing_helps_the_error_says_what_was_tried() -> None:
    valley = Valley(broken_in="bfloat16 float32")
    with pytest.raises(LossNotFinite, match=r"smaller steps and in float32; lower learning_rate"):
        run(valley, rate=0.01)
    assert {"bfloat16", "float32"} <= set(valley.evaluated)
    assert len(valley.evaluated) < 20


class Needle(Valley):
    """Finite only where it begins, unless it is computed in float32."""

    def with_gradient(self, image: Tensor) -> tuple[LossTerms, Tensor]:
        loss, gradient = super().with_gradient(image)
        if self.precision == "bfloat16" and not torch.equal(image, START):
            loss = LossTerms(loss.total * float("nan"), NOTHING, NOTHING, NOTHING)
        return loss, gradient


def test_lbfgs_too_comes_to_float32_when_no_step_is_short_enough() -> None:
    needle = Needle()
    first, *_, last = descend(needle, START, LBFGS(1.0), 20)  # type: ignore[arg-type]
    assert needle.evaluated[-1] == "float32"
    assert last.point.loss.total < 0.6 * first.point.loss.total
