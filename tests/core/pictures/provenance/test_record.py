"""What the record says of other files and other machines."""

from __future__ import annotations

import pytest

from core.errors import InvalidRequest
from core.jobs.job import Inputs
from core.pictures.provenance.record import Digests
from core.pictures.uploads import Upload, Uploads
from tests.conftest import photo, png
from tests.core.pictures.provenance.test_xmp import MADE

DIGESTS = Digests(content="a", style=("b", "c"))


def test_the_digests_are_those_of_every_input() -> None:
    fields = ("content", "style", "init_image", "content_mask", "style_mask", "detail_map")
    files = {field: Upload(field, png(photo(20, 20, seed))) for seed, field in enumerate(fields)}
    inputs: Inputs = Uploads.of({field: [each] for field, each in files.items()}).inputs
    digests = Digests.of(inputs).model_dump()
    for field, upload in files.items():
        expected = upload.picture.sha256
        assert digests[field] == ((expected,) if field in ("style", "style_mask") else expected)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            Digests(content="x", style=("b", "c")),
            "^content: file 1 has the SHA-256 x, and the result was made from a; give the same",
        ),
        (Digests(content="a", style=("c", "b")), "style: file 1 .*; style: file 2 has"),
        (
            Digests(content="a", style=("b",)),
            "^style: the result was made from 2 files, and 1 were given$",
        ),
        (
            Digests(content="a", style=("b", "c"), detail_map="d"),
            "^detail_map: the result was made from 0 files, and 1 were given$",
        ),
    ],
)
def test_other_files_are_refused_by_name(given: Digests, message: str) -> None:
    DIGESTS.check(DIGESTS)
    with pytest.raises(InvalidRequest, match=message):
        DIGESTS.check(given)


def test_differences_of_the_machine_are_named() -> None:
    machine = MADE.machine
    assert machine.differences(machine) == []
    other = machine.model_copy(update={"threads": 8, "device": "H200"})
    assert machine.differences(other) == [
        "device was x86_64 AVX512, and is H200",
        "threads was 2, and is 8",
    ]
