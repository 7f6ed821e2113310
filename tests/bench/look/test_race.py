"""When a preset's picture counts as good as the loop's."""

from __future__ import annotations

from bench.look.race import Sight, describe, first_as_good, run_preset
from core.nst import VGG19
from tests.conftest import photo

NAMES = ("cf", "ge")
TARGET = {"cf": 0.5, "ge": 0.8}


def sights(*values: tuple[float, float]) -> list[Sight]:
    return [Sight(float(n), 10 * n, {"cf": cf, "ge": ge}) for n, (cf, ge) in enumerate(values, 1)]


def test_a_picture_is_as_good_when_no_measure_is_lower() -> None:
    found = first_as_good(sights((0.6, 0.7), (0.5, 0.8), (0.6, 0.9)), TARGET, NAMES)
    assert found is not None
    assert found.step == 20


def test_a_picture_that_does_not_stay_as_good_does_not_count() -> None:
    found = first_as_good(sights((0.6, 0.9), (0.4, 0.9), (0.6, 0.9)), TARGET, NAMES)
    assert found is not None
    assert found.step == 30
    assert first_as_good(sights((0.6, 0.9), (0.4, 0.9)), TARGET, NAMES) is None


def test_a_run_is_seen_at_the_largest_scale_and_at_its_last_step(tiny_network: VGG19) -> None:
    recipe = "preset=fast steps=5 pyramid=32:2"
    found, picture = run_preset(photo(96, 72), photo(80, 80), recipe, 64, 3, tiny_network, 64)
    assert max(picture.size) == 64
    assert len(found) >= 2
    first, *_, last = found
    assert all(sight.step % 3 == 0 for sight in found[:-1])
    assert last.seconds > first.seconds
    text = "\n".join(describe(found, dict.fromkeys(first.measures, 0.0), 9))
    assert f"after {first.seconds:.1f} s and {first.step} steps" in text
    assert "lower in cf_max and ge_centred and lp_cosine" in "\n".join(
        describe(found, dict.fromkeys(first.measures, 2.0), 9)
    )
