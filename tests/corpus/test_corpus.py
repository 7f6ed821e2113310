"""Malicious files are decoded or refused within bounded memory and time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from core.errors import InvalidPicture
from core.pictures.sandbox import Sandbox
from core.pictures.sandbox_process import Bounds
from core.settings.model import Settings
from tests.corpus.fuzz import LIMITS_AND_CRASHES, mutated_files, outcome
from tests.corpus.make import DECODED, REFUSED, SAVED, photograph, truncated

MAX_PIXELS = Settings.model_fields["max_picture_pixels"].default

#: Less memory than the default of the setting.
BOUNDS = Bounds(memory_bytes=512 * 2**20, seconds=20, clock_seconds=120)


@pytest.fixture(scope="module")
def bounded() -> Iterator[Sandbox]:
    sandbox = Sandbox(1, BOUNDS)
    sandbox.start()
    yield sandbox
    sandbox.stop()


def assert_refused(sandbox: Sandbox, data: bytes, mask: bool = False) -> str:
    with pytest.raises(InvalidPicture) as refusal:
        sandbox.inspect(data, mask, max_pixels=MAX_PIXELS)
    return refusal.value.message


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_that_is_not_a_picture_is_refused(bounded: Sandbox, name: str) -> None:
    data = REFUSED[name]()
    message = assert_refused(bounded, data)
    assert not any(words in message for words in LIMITS_AND_CRASHES), message
    assert_refused(bounded, data, mask=True)


@pytest.mark.parametrize("name", DECODED)
def test_an_unusual_picture_is_decoded(bounded: Sandbox, name: str) -> None:
    assert min(bounded.inspect(DECODED[name](), False, max_pixels=MAX_PIXELS).size) >= 16


@pytest.mark.parametrize("picture_format", SAVED)
def test_a_truncated_picture_is_refused(bounded: Sandbox, picture_format: str) -> None:
    assert bounded.inspect(photograph(picture_format), False, max_pixels=MAX_PIXELS)
    files = [data for name, data in truncated().items() if name.endswith(picture_format.lower())]
    assert len(files) >= 2
    for data in files:
        assert_refused(bounded, data)


def test_damaged_pictures_are_decoded_or_refused_without_a_crash(bounded: Sandbox) -> None:
    outcomes = [
        outcome(bounded, data, mask=number % 10 == 0)
        for number, data in enumerate(mutated_files(500, seed=0))
    ]
    assert set(outcomes) == {"decoded", "refused"}
    assert outcomes.count("decoded") > 50, (
        "most files are refused at once and do not test the decoders"
    )
