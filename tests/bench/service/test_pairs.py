"""The pairs of faults that a seed picks."""

from __future__ import annotations

from bench.service.pairs import FAULTS, PAIRS, freeze_api, kill_api, pairs_of


def test_a_seed_picks_the_same_pairs_again_and_each_pair_once() -> None:
    picked = pairs_of(seed=1, number=24)
    assert picked == pairs_of(seed=1, number=24) != pairs_of(seed=2, number=24)
    assert len({*picked}) == 24


def test_every_pair_comes_once_before_any_comes_again() -> None:
    assert {*pairs_of(seed=3, number=len(PAIRS))} == {*PAIRS}


def test_every_fault_is_in_some_pair_and_no_pair_contradicts_itself() -> None:
    assert {fault for pair in PAIRS for fault in pair} == {*FAULTS}
    assert (kill_api, freeze_api) not in PAIRS
