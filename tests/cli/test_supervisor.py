"""How long the supervisor waits before it restarts a child."""

from __future__ import annotations

from cli.supervisor import restart_delay


def test_the_delay_doubles_while_a_child_keeps_dying_and_is_short_again_after_a_long_life() -> None:
    delay, delays = 0.0, []
    for lived in (1, 1, 1, 1, 100, 1):
        delay = restart_delay(delay, lived)
        delays.append(delay)
    assert delays == [0.2, 0.4, 0.8, 1.6, 0.2, 0.4]


def test_the_delay_has_a_limit() -> None:
    assert restart_delay(29, 0) == 30
