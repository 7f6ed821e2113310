"""Steps decided on the device make the same numbers as those that the host decides."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import Tensor

from core.nst.optimizers.adam import Adam
from core.nst.optimizers.device_lbfgs import DeviceLBFGS
from core.nst.optimizers.lbfgs import LBFGS
from core.nst.optimizers.optimizer import PixelOptimizer, device_steps
from core.nst.optimizers.point import Point, State
from core.nst.optimizers.preconditioner import Smoothing
from tests.core.nst.optimizers.functions import Evaluator, Function, rosenbrock

SHAPE = (1, 3, 25, 21)  # in memory, no two pictures of this shape are aligned alike
CPU = torch.device("cpu")


def uniform(seed: int, dtype: torch.dtype) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(SHAPE, generator=generator, dtype=dtype)


def bumpy(image: Tensor) -> Tensor:
    """A function with many minima, in which the line search shortens steps."""
    target = uniform(9, image.dtype) * 3 - 1  # beyond the bounds, too
    return ((image - target) ** 2 * 40 + torch.cos(9 * image)).sum() / 100


def walled(image: Tensor) -> Tensor:
    """A function that is not finite near the upper bound."""
    return -(torch.log(0.9 - image) + 3 * image).sum() / 100


def flat(image: Tensor) -> Tensor:
    """A function that no step reduces."""
    return image.sum() - image.sum().detach()


def ends(image: Tensor) -> Tensor:
    """A parabola with its minimum within the bounds."""
    return (image - uniform(1, image.dtype)).square().sum()


def needle(image: Tensor) -> Tensor:
    """A function that is finite only at the start."""
    wrong = (image.detach() != uniform(1, image.dtype)).any()
    return (image * torch.where(wrong, float("nan"), 1.0)).sum()


def by_host(
    optimizer: PixelOptimizer, function: Function, start: Tensor, steps: int
) -> tuple[list[Point], Evaluator]:
    evaluate = Evaluator(function)
    points = [evaluate(start)]
    for _ in range(steps):
        points.append(optimizer.step(points[-1], evaluate))
    return points, evaluate


def by_device(
    optimizer: PixelOptimizer, function: Function, start: Tensor, steps: int, at_a_time: int
) -> list[Point]:
    evaluate = Evaluator(function)
    point = evaluate(start)
    device = device_steps(optimizer, point)
    points = [point]
    while len(points) <= steps // at_a_time:
        points.append(device.advance(points[-1], at_a_time, partial(device.trial, evaluate)))
    return points


def lbfgs(noise: float = 0.0, dtype: torch.dtype = torch.float32) -> LBFGS:
    smoothing = Smoothing(*SHAPE[2:], CPU)
    if dtype is torch.float64:
        smoothing._factors = smoothing._factors.double()
    return LBFGS(1.0, smoothing, bounds=(0, 1), loss_noise=noise)


def assert_same(states: tuple[State, State]) -> None:
    ours, theirs = states
    assert ours.keys() == theirs.keys()
    for name in ours:
        assert torch.equal(ours[name], theirs[name]), name


@pytest.mark.parametrize("at_a_time", [1, 10])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("function", [bumpy, walled, rosenbrock, flat, ends])
@pytest.mark.parametrize("kind", ["lbfgs", "tolerant lbfgs", "adam"])
def test_both_ways_make_the_same_steps_bit_for_bit(
    kind: str, function: Function, dtype: torch.dtype, at_a_time: int
) -> None:
    if kind == "adam":
        pair: tuple[PixelOptimizer, PixelOptimizer] = (Adam(0.02), Adam(0.02))
    else:
        noise = 0.0 if kind == "lbfgs" else 1e-2
        pair = (lbfgs(noise, dtype), lbfgs(noise, dtype))
    start = uniform(1, dtype) * 0.8
    expected, _ = by_host(pair[0], function, start, 30)
    points = by_device(pair[1], function, start, 30, at_a_time)
    for point, other in zip(points, expected[::at_a_time], strict=True):
        assert torch.equal(point.image, other.image)
        assert torch.equal(point.gradient, other.gradient)
        assert torch.equal(torch.stack(point.loss), torch.stack(other.loss))
    assert_same((pair[1].state(), pair[0].state()))


def test_the_line_search_was_tested() -> None:
    for function in (bumpy, walled):
        _, evaluate = by_host(lbfgs(), function, uniform(1, torch.float32) * 0.8, 30)
        assert evaluate.count > 36


def test_a_loss_that_stays_infinite_is_returned_after_one_step() -> None:
    start = uniform(1, torch.float32)
    _, last = by_device(lbfgs(), needle, start, 10, at_a_time=10)
    assert not torch.isfinite(last.loss.total)


def test_steps_go_on_from_a_restored_state_and_leave_earlier_points_alone() -> None:
    start = uniform(1, torch.float32) * 0.8
    expected, _ = by_host(lbfgs(), bumpy, start, 24)
    optimizer = lbfgs()
    evaluate = Evaluator(bumpy)
    first = DeviceLBFGS(optimizer, evaluate(start))
    point = first.advance(evaluate(start), 12, partial(first.trial, evaluate))
    image, state = point.image.clone(), {k: v.clone() for k, v in optimizer.state().items()}
    kept = optimizer.state()
    first.advance(point, 12, partial(first.trial, evaluate))
    assert torch.equal(point.image, image)
    assert_same((kept, state))
    again = lbfgs()
    again.restore(state)
    second = DeviceLBFGS(again, point)
    last = second.advance(evaluate(image), 12, partial(second.trial, evaluate))
    assert torch.equal(last.image, expected[-1].image)
