"""Recorded steps. What records them is a parameter, so that most of it needs no GPU."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from functools import partial

import pytest
import torch
from torch import Tensor

from core.nst import VGG19, Pictures, stylize
from core.nst.network.cuda import graphs
from core.nst.network.cuda.graphs import Record, Work, record_for, recorded
from core.nst.network.precision import NumberFormat
from core.nst.objective import Objective
from core.nst.optimizers.lbfgs import LBFGS
from core.nst.optimizers.optimizer import device_steps
from core.nst.optimizers.point import Point
from core.params import StyleParams
from tests.core.nst.examples import uniform

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


@pytest.fixture(autouse=True)
def _enabled() -> Iterator[None]:
    yield
    graphs._enabled = True


class Steps:
    """A picture that each step makes brighter."""

    def __init__(self) -> None:
        self.picture = torch.full((1, 1, 2, 2), 0.25)
        self.made = torch.zeros(())

    def __call__(self) -> tuple[Tensor, Tensor]:
        self.picture.mul_(1.5)
        self.made.add_(1)
        return self.picture.sum(), self.picture.square()

    def recorded(self, record: Record) -> Work | None:
        return recorded(record, self, [self.picture, self.made])


def as_it_is(work: Work) -> Work:
    return work


def stale(work: Work) -> Work:
    """A recording that returns the results of the picture that was recorded."""
    results = [each.clone() for each in work()]
    return lambda: (results[0], results[1])


def with_a_stale_gradient(work: Work) -> Work:
    gradient = work()[1].clone()
    return lambda: (work()[0], gradient)


def not_a_number(work: Work) -> Work:
    return lambda: (work()[0] * float("nan"), work()[1])


def failing(error: Exception) -> Record:
    def record(_: Work) -> Work:
        raise error

    return record


def test_on_the_cpu_nothing_is_recorded() -> None:
    assert record_for(torch.zeros(1, 3, 64, 64)) is None


def test_a_recording_that_does_the_same_is_used_and_leaves_the_state_as_it_was() -> None:
    steps = Steps()
    work = steps.recorded(as_it_is)
    assert work is not None
    assert (float(steps.picture.sum()), float(steps.made)) == (1.0, 0.0)
    work()
    assert (float(steps.picture.sum()), float(steps.made)) == (1.5, 1.0)


@pytest.mark.parametrize("record", [stale, with_a_stale_gradient, not_a_number])
def test_a_recording_that_does_something_else_at_another_picture_is_not_used(
    record: Record,
) -> None:
    steps = Steps()
    with pytest.warns(UserWarning, match="cannot be recorded as a CUDA graph.* differs by"):
        assert steps.recorded(record) is None
    assert (float(steps.picture.sum()), float(steps.made)) == (1.0, 0.0)


@needs_gpu
def test_after_one_failure_a_process_records_nothing_more() -> None:
    image = torch.zeros(1, 3, 64, 64, device="cuda")
    assert record_for(image) is not None
    with pytest.warns(UserWarning, match="differs by"):
        Steps().recorded(stale)
    assert record_for(image) is None


def test_a_failure_to_record_is_a_warning_and_counts_for_the_process() -> None:
    error = RuntimeError("CUDA error: operation not permitted when stream is capturing")
    with pytest.warns(UserWarning, match="will be slower: CUDA error: operation not permitted"):
        assert Steps().recorded(failing(error)) is None
    assert not graphs._enabled


def test_steps_without_a_finite_loss_are_not_recorded_and_are_no_failure() -> None:
    steps = Steps()
    steps.picture.fill_(float("inf"))
    assert steps.recorded(as_it_is) is None
    assert graphs._enabled


def test_too_little_memory_for_one_picture_counts_for_that_picture_only() -> None:
    error = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
    with pytest.warns(UserWarning, match="there is too little memory for it"):
        assert Steps().recorded(failing(error)) is None
    assert graphs._enabled


def test_recording_is_tried_again_when_the_memory_that_torch_keeps_was_given_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept = [True]
    monkeypatch.setattr(torch.cuda, "empty_cache", kept.clear)

    def record(work: Work) -> Work:
        if kept:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return work

    steps = Steps()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        work = steps.recorded(record)
    assert work is not None
    assert (float(steps.picture.sum()), float(steps.made)) == (1.0, 0.0)


def test_a_lost_device_is_not_taken_for_a_failure_to_record() -> None:
    error = torch.AcceleratorError("CUDA error: an illegal memory access was encountered")
    with pytest.raises(torch.AcceleratorError):
        Steps().recorded(failing(error))
    assert graphs._enabled


@needs_gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_graph_gives_the_results_of_plain_steps(
    tiny_weights: dict[str, Tensor], dtype: torch.dtype
) -> None:
    content, style, start = (uniform(n, 1, 3, 64, 96).float().to("cuda") for n in range(3))
    network = VGG19(tiny_weights, device=torch.device("cuda"), number_format=NumberFormat(dtype))
    objective = Objective(network, content, [style], StyleParams(tv_weight=3))

    def evaluate(image: Tensor) -> Point:
        return Point(image, *objective.with_gradient(image))

    first = evaluate(start)
    ends = []
    for record in (record_for(start), as_it_is):
        assert record is not None
        steps = device_steps(LBFGS(1.0, bounds=(0, 1)), first)
        steps.begin(first, 10)
        work = recorded(record, partial(steps.trial, evaluate), steps.buffers())
        assert work is not None
        ends.append(steps.advance(first, 10, work))
    torch.testing.assert_close(ends[0].image, ends[1].image)


@needs_gpu
def test_a_run_on_a_gpu_warns_of_nothing(tiny_weights: dict[str, Tensor]) -> None:
    from tests.conftest import photo

    network = VGG19(tiny_weights, device=torch.device("cuda"))
    params = StyleParams(size=96, steps=20, pyramid="off")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        *_, last = stylize(Pictures(photo(96, 72), [photo(96, 96)]), params, network)
    assert torch.isfinite(last.loss.total)
