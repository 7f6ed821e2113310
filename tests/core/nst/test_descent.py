"""The descent at one scale, and its recovery from losses that are not finite."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from core.errors import LossNotFinite
from core.nst.descent import Descent
from core.nst.network.cuda.graphs import Record, Work
from core.nst.optimizers.adam import Adam
from core.nst.optimizers.lbfgs import LBFGS
from core.nst.optimizers.optimizer import PixelOptimizer
from core.nst.optimizers.point import LossTerms, State

ZERO = torch.zeros(())
START = torch.full((1, 1, 2, 2), 0.6)


class Parabola:
    """An objective whose loss is not finite under some conditions.

    Args:
        radius: the loss is not finite beyond this distance from the minimum.
        broken_in: the number formats in which it is not finite.
        minimum: the value of every pixel at the minimum.
    """

    def __init__(self, *, radius: float = 1e9, broken_in: str = "", minimum: float = 0.5) -> None:
        self.radius = radius
        self.broken_in = broken_in
        self.minimum = minimum
        self.number_format = "bfloat16"
        self.evaluations: list[str] = []

    def with_gradient(self, image: Tensor) -> tuple[LossTerms, Tensor]:
        self.evaluations.append(self.number_format)
        difference = image - self.minimum
        total = (difference**2).sum()
        if self._is_broken_at(image):
            total = total * float("nan")
        return LossTerms(total, ZERO, ZERO, ZERO), 2 * difference

    def in_float32(self) -> Any:
        exact = type(self)(radius=self.radius, broken_in=self.broken_in, minimum=self.minimum)
        exact.number_format, exact.evaluations = "float32", self.evaluations
        return exact

    def _is_broken_at(self, image: Tensor) -> bool:
        distance = float((image - self.minimum).abs().max())
        return distance > self.radius or self.number_format in self.broken_in


class Needle(Parabola):
    """An objective that is finite only at the start, except in float32."""

    def _is_broken_at(self, image: Tensor) -> bool:
        return self.number_format == "bfloat16" and not torch.equal(image, START)


class Outage(Parabola):
    """An objective whose loss is not finite from the 9th to the 15th evaluation."""

    def _is_broken_at(self, image: Tensor) -> bool:  # noqa: ARG002
        return len(self.evaluations) in range(9, 16)


class Trace:
    """The steps, losses, images and states that a descent yielded."""

    def __init__(self, descent: Descent, phases: list[tuple[Any, int]]) -> None:
        self.steps: list[int] = []
        self.losses: list[float] = []
        self.images: list[Tensor] = []
        self.states: list[State] = []
        for objective, steps in phases:
            for loss in descent.follow(objective, steps):
                self.steps.append(descent.step)
                self.losses.append(float(loss.total))
                self.images.append(descent.image)
                self.states.append(descent.state())
            descent.step = 0


def descend(objective: Parabola, learning_rate: float, steps: int = 20) -> Trace:
    return Trace(Descent(START, Adam(learning_rate)), [(objective, steps)])


def resumed(state: State, optimizer: PixelOptimizer, phases: list[tuple[Any, int]]) -> Trace:
    descent = Descent(START, optimizer)
    descent.restore(state)
    return Trace(descent, phases)


def test_the_start_and_every_step_are_yielded_once() -> None:
    assert descend(Parabola(), 0.01).steps == list(range(21))


def test_a_second_phase_continues_from_the_last_image_with_the_same_momentum() -> None:
    phases = [(Parabola(), 6), (Parabola(minimum=0.25), 6)]
    uninterrupted = Trace(Descent(START, Adam(0.02)), phases)
    assert uninterrupted.steps == [*range(7), *range(7)]
    assert torch.equal(uninterrupted.images[6], uninterrupted.images[7])
    assert int(uninterrupted.states[-1]["adam.t"]) == 12
    # A new optimiser would make another step.
    fresh = Trace(Descent(uninterrupted.images[6], Adam(0.02)), phases[1:])
    assert not torch.equal(uninterrupted.images[8], fresh.images[1])


@pytest.mark.parametrize("at", range(7))
def test_a_descent_resumed_in_any_phase_continues_bit_for_bit(at: int) -> None:
    phases = [(Parabola(), 6), (Parabola(minimum=0.25), 6)]
    uninterrupted = Trace(Descent(START, Adam(0.02)), phases)
    for first, remaining in ((at, phases), (7 + at, phases[1:])):
        again = resumed(uninterrupted.states[first], Adam(0.02), remaining)
        assert again.steps == uninterrupted.steps[first:]
        assert torch.equal(again.images[-1], uninterrupted.images[-1])


def test_a_descent_resumed_after_an_incident_continues_bit_for_bit() -> None:
    # At this learning rate the first steps go beyond the radius, in every number format.
    phases: list[tuple[Any, int]] = [(Parabola(radius=0.15), 12)]
    uninterrupted = Trace(Descent(START, Adam(3)), phases)
    assert int(uninterrupted.states[-1]["incidents"]) >= 3  # so float32 was tried
    for first, state in enumerate(uninterrupted.states):
        again = resumed(state, Adam(3), phases)
        assert again.steps == list(range(first, 13))
        for image, expected in zip(again.images, uninterrupted.images[first:], strict=True):
            assert torch.equal(image, expected)


def test_the_point_resumed_from_is_finite_before_it_is_yielded() -> None:
    saved = descend(Parabola(), 0.01).states[7]
    again = resumed(saved, Adam(0.01), [(Parabola(broken_in="bfloat16"), 20)])
    assert again.steps[0] == 7
    assert all(math.isfinite(loss) for loss in again.losses)


def test_a_step_to_a_loss_that_is_not_finite_is_undone_and_made_smaller() -> None:
    # At this learning rate the first step goes beyond the radius.
    trace = descend(Parabola(radius=0.15), learning_rate=0.4)
    assert trace.steps == list(range(21))
    assert all(math.isfinite(loss) for loss in trace.losses)
    assert trace.losses[-1] < trace.losses[0]


def test_float32_is_tried_when_smaller_steps_do_not_help() -> None:
    parabola = Parabola(broken_in="bfloat16")
    trace = descend(parabola, learning_rate=0.01)
    assert parabola.evaluations[-1] == "float32"
    assert trace.losses[-1] < trace.losses[0]


def test_a_loss_that_is_never_finite_is_an_error_that_says_what_was_tried() -> None:
    parabola = Parabola(broken_in="bfloat16 float32")
    with pytest.raises(LossNotFinite, match=r"smaller steps and in float32; lower learning_rate"):
        descend(parabola, learning_rate=0.01)
    assert {"bfloat16", "float32"} <= set(parabola.evaluations)
    assert len(parabola.evaluations) < 20


def test_float32_is_tried_when_no_step_of_lbfgs_is_short_enough() -> None:
    needle = Needle()
    trace = Trace(Descent(START, LBFGS(1.0)), [(needle, 20)])
    assert needle.evaluations[-1] == "float32"
    assert trace.losses[-1] < 0.6 * trace.losses[0]


def as_it_is(_: Tensor) -> Record:
    """Records steps on any device: the recording is the work itself."""
    return lambda work: work


@pytest.mark.parametrize("make", [partial(Adam, 0.02), partial(LBFGS, 1.0)])
def test_recorded_steps_end_where_plain_ones_do_and_yield_every_tenth(
    make: Callable[[], PixelOptimizer],
) -> None:
    phases: list[tuple[Any, int]] = [(Parabola(), 25), (Parabola(minimum=0.25), 8)]
    plain = Trace(Descent(START, make()), phases)
    trace = Trace(Descent(START, make(), as_it_is), phases)
    assert trace.steps == [0, 10, 20, 25, 0, 8]
    for image, at in zip(trace.images, (0, 10, 20, 25, 26, 34), strict=True):
        assert torch.equal(image, plain.images[at])
    assert trace.states[2].keys() == plain.states[20].keys()
    descent = Descent(START, make(), as_it_is)
    descent.restore(plain.states[20])
    again = Trace(descent, phases)
    assert again.steps == [20, 25, 0, 8]
    assert torch.equal(again.images[-1], plain.images[-1])


def test_phases_with_the_same_objective_share_one_recording() -> None:
    recordings: list[Work] = []

    def record(work: Work) -> Work:
        recordings.append(work)
        return work

    parabola, other = Parabola(), Parabola(minimum=0.25)
    Trace(Descent(START, Adam(0.02), lambda _: record), [(parabola, 5), (parabola, 5), (other, 5)])
    assert len(recordings) == 2


def test_recorded_steps_to_a_loss_that_is_not_finite_are_undone() -> None:
    trace = Trace(Descent(START, Adam(0.05), as_it_is), [(Outage(), 20)])
    assert trace.steps == [0, 10, 20]
    assert all(math.isfinite(loss) for loss in trace.losses)
    assert int(trace.states[-1]["incidents"]) == 2


def test_float32_is_tried_after_recorded_steps_of_lbfgs_that_were_not_short_enough() -> None:
    needle = Needle()
    trace = Trace(Descent(START, LBFGS(1.0), as_it_is), [(needle, 20)])
    assert needle.evaluations[-1] == "float32"
    assert trace.losses[-1] < 0.6 * trace.losses[0]


def test_steps_that_cannot_be_recorded_are_made_one_by_one() -> None:
    def without_memory(_: Work) -> Work:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    plain = Trace(Descent(START, LBFGS(1.0)), [(Parabola(), 12)])
    with pytest.warns(UserWarning, match="too little memory"):
        trace = Trace(Descent(START, LBFGS(1.0), lambda _: without_memory), [(Parabola(), 12)])
    assert torch.equal(trace.images[-1], plain.images[-1])
