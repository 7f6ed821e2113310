"""The figures of a Redis that hangs."""

from __future__ import annotations

import math

from bench.service.hang import Answer, p99, recovery


def test_a_client_has_recovered_with_its_first_success_after_the_end() -> None:
    polls = [Answer(200, 1, 2), Answer(503, 3, 7), Answer(503, 9, 11), Answer(200, 12, 12.5)]
    assert recovery(polls, since=10) == 2.5
    assert math.isnan(recovery(polls[:3], since=10))


def test_the_99th_percentile_leaves_out_one_response_of_a_hundred() -> None:
    answers = [Answer(200, 0, seconds) for seconds in [0.1] * 98 + [0.2, 9.0]]
    assert p99(answers) == 0.2
