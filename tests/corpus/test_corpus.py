"""Files that attackers send are read or refused, in bounded memory and time, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from core.errors import InvalidPicture
from core.pictures.sandbox import Bounds, Sandbox
from core.settings.model import Settings
from tests.corpus.fuzz import mutated_files, outcome
from tests.corpus.make import READ, REFUSED, SAVED, photograph, truncated

MAX_PIXELS = Settings.model_fields["max_picture_pixels"].default

#: Less than the setting's default: what the corpus may take.
BOUNDS = Bounds(memory_bytes=512 * 2**20, seconds=20, clock_seconds=120)


@pytest.fixture(scope="module")
def bounded() -> Iterator[Sandbox]:
    sandbox = Sandbox(1, BOUNDS)
    sandbox.start()
    yield sandbox
    sandbox.stop()


def assert_refused(sandbox: Sandbox, data: bytes, mask: bool = False) -> str:
    with pytest.raises(InvalidPicture) as refusal:
        sandbox.examine(data, mask, max_pixels=MAX_PIXELS)
    return refusal.value.message


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_picture_is_refused(bounded: Sandbox, name: str) -> None:
    data = REFUSED[name]()
    said = assert_refused(bounded, data)
    assert not any(word in said for word in ("allowed for decoding", "gave up")), said
    assert_refused(bounded, data, mask=True)


@pytest.mark.parametrize("name", READ)
def test_what_is_strange_and_yet_a_picture_is_read(bounded: Sandbox, name: str) -> None:
    assert min(bounded.examine(READ[name](), False, max_pixels=MAX_PIXELS).size) >= 16


@pytest.mark.parametrize("picture_format", SAVED)
def test_a_picture_cut_off_anywhere_is_refused(bounded: Sandbox, picture_format: str) -> None:
    assert bounded.examine(photograph(picture_format), False, max_pixels=MAX_PIXELS)
    cut = [data for name, data in truncated().items() if name.endswith(picture_format.lower())]
    assert len(cut) >= 2
    for data in cut:
        assert_refused(bounded, data)


def test_500_damaged_pictures_are_read_or_refused_and_break_nothing(bounded: Sandbox) -> None:
    outcomes = [
        outcome(bounded, data, mask=number % 10 == 0)
        for number, data in enumerate(mutated_files(500, seed=0))
    ]
    assert set(outcomes) == {"read", "refused"}
    assert outcomes.count("read") > 50, "most damage is noticed at once, and tests nothing deeper"
