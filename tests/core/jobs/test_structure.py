"""Every choice of a parameter and every status is handled."""

from __future__ import annotations

from itertools import product

import pytest

from core.jobs.events import FINAL_EVENTS, PUBLIC_EVENTS, STATUS_EVENTS
from core.jobs.footprint import footprint
from core.jobs.status import FINAL_STATUSES, TRANSITIONS, JobStatus
from core.params import StyleParams
from core.params.choices import Optimizer, Precision


@pytest.mark.parametrize(
    ("optimizer", "precision", "automatic"), list(product(Optimizer, Precision, [None, *Precision]))
)
def test_every_optimizer_and_precision_has_a_footprint(
    optimizer: Optimizer, precision: Precision, automatic: Precision | None
) -> None:
    if automatic is Precision.AUTO:
        return  # a worker reports the precision that it chose
    params = StyleParams(optimizer=optimizer, precision=precision)
    assert footprint(params, automatic).needed(pixels=1) > 0


def test_every_status_has_transitions_and_an_event() -> None:
    assert set(TRANSITIONS) == set(STATUS_EVENTS) == set(JobStatus)


def test_final_statuses_have_final_events_that_clients_receive() -> None:
    assert {STATUS_EVENTS[status] for status in FINAL_STATUSES} == FINAL_EVENTS
    assert set(PUBLIC_EVENTS) >= FINAL_EVENTS
