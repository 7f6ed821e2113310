"""The contract of every blob store."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from core.blobs.blobs import Blobs, open_blobs
from core.errors import BlobCorrupt, BlobNotFound, InvalidSetting, ServiceUnavailable
from tests.contract.stores import Backdoor

#: Every byte value, so that nothing passes as text.
PICTURE = bytes(range(256)) * 40
HOUR = 3600.0


def test_a_blob_is_read_by_the_hash_of_its_bytes(blobs: Blobs) -> None:
    digest = blobs.put(PICTURE)
    assert digest == hashlib.sha256(PICTURE).hexdigest()
    assert blobs.get(digest) == PICTURE


def test_an_empty_blob_can_be_stored(blobs: Blobs) -> None:
    assert blobs.get(blobs.put(b"")) == b""


def test_equal_bytes_are_stored_once(blobs: Blobs) -> None:
    assert blobs.put(PICTURE) == blobs.put(PICTURE)
    assert [digest for digest, _ in blobs.ages()] == [blobs.put(PICTURE)]


def test_a_reopened_store_has_its_blobs(blobs: Blobs, backdoor: Backdoor) -> None:
    digest = blobs.put(PICTURE)
    assert open_blobs(backdoor.url, s3_endpoint=backdoor.endpoint).get(digest) == PICTURE


def test_reading_an_unknown_blob_raises_blob_not_found(blobs: Blobs) -> None:
    unknown = "0" * 64
    assert not blobs.delete(unknown)
    with pytest.raises(BlobNotFound, match=unknown):
        blobs.get(unknown)


def test_a_large_blob_is_read_in_pieces(blobs: Blobs) -> None:
    data = PICTURE * 120  # several pieces of every store, the last of them shorter
    reader = blobs.open(blobs.put(data))
    pieces = list(reader.pieces())
    reader.close()
    assert b"".join(pieces) == data
    assert reader.size == len(data)
    assert len(pieces) > 1
    assert max(map(len, pieces)) <= 256 * 1024


@pytest.mark.parametrize(("start", "stop"), [(0, 1), (32_767, 32_769), (5, 300_000), (9, 9)])
def test_a_part_of_a_blob_is_read(blobs: Blobs, start: int, stop: int) -> None:
    data = PICTURE * 120
    reader = blobs.open(blobs.put(data))
    assert b"".join(reader.pieces(slice(start, stop))) == data[start:stop]
    tail = slice(len(data) - 1, len(data))
    assert b"".join(reader.pieces(tail)) == data[tail]


def test_a_blob_is_stored_from_pieces_of_any_length(blobs: Blobs) -> None:
    data = PICTURE * 1700  # 17 MB: more than a call to Redis or a request to S3 has
    view = memoryview(data)
    pieces: list[bytes | memoryview] = [b"", view[:1], data[1:70_000], view[70_000:]]
    digest = blobs.put_pieces(pieces)
    assert digest == hashlib.sha256(data).hexdigest()
    assert blobs.get(digest) == data
    reader = blobs.open(digest)
    assert b"".join(reader.pieces()) == data


def test_opening_an_unknown_or_a_damaged_blob_raises_as_reading_does(
    blobs: Blobs, backdoor: Backdoor
) -> None:
    with pytest.raises(BlobNotFound, match="0" * 64):
        blobs.open("0" * 64)
    digest = blobs.put(PICTURE)
    backdoor.damage(digest)
    with pytest.raises(BlobCorrupt, match=f"{digest}.*{len(PICTURE) - 1} bytes"):
        blobs.open(digest)


def test_a_blob_that_is_removed_during_a_read_is_never_read_short(
    blobs: Blobs, backdoor: Backdoor
) -> None:
    data = PICTURE * 120
    digest = blobs.put(data)
    reader = blobs.open(digest)
    pieces = reader.pieces()
    first = next(pieces)
    assert blobs.delete(digest)
    if backdoor.url.startswith("file:"):
        assert first + b"".join(pieces) == data
    else:
        with pytest.raises(BlobNotFound, match=f"{len(data)} bytes was removed"):
            next(pieces)
    reader.close()


def test_deleting_a_blob_keeps_the_others(blobs: Blobs) -> None:
    deleted, other = blobs.put(b"deleted"), blobs.put(b"other")
    assert blobs.delete(deleted)
    with pytest.raises(BlobNotFound):
        blobs.get(deleted)
    assert [digest for digest, _ in blobs.ages()] == [other]
    assert blobs.get(other) == b"other"


def test_a_damaged_blob_is_refused_and_repaired_by_storing_it_again(
    blobs: Blobs, backdoor: Backdoor
) -> None:
    digest = blobs.put(PICTURE)
    backdoor.damage(digest)
    with pytest.raises(BlobCorrupt, match=f"{digest}.*{len(PICTURE) - 1} bytes"):
        blobs.get(digest)
    blobs.put(PICTURE)
    assert blobs.get(digest) == PICTURE


def test_every_blob_is_listed_with_its_age(blobs: Blobs, backdoor: Backdoor) -> None:
    old, new = blobs.put(b"old"), blobs.put(b"new")
    backdoor.backdate(old, HOUR)
    ages = dict(blobs.ages())
    assert ages.keys() == {old, new}
    assert HOUR <= ages[old] < 2 * HOUR
    assert ages[new] < HOUR


def test_a_blob_younger_than_the_given_age_is_not_removed(blobs: Blobs, backdoor: Backdoor) -> None:
    digest = blobs.put(PICTURE)
    assert not blobs.delete(digest, older_than=HOUR)
    backdoor.backdate(digest, HOUR)
    assert not blobs.delete(digest, older_than=2 * HOUR)
    assert dict(blobs.ages()).keys() == {digest}
    assert blobs.delete(digest, older_than=HOUR)
    assert not dict(blobs.ages())


def test_storing_a_blob_again_resets_its_age(blobs: Blobs, backdoor: Backdoor) -> None:
    digest = blobs.put(PICTURE)
    backdoor.backdate(digest, HOUR)
    blobs.put(PICTURE)
    assert not blobs.delete(digest, older_than=HOUR / 2)
    assert blobs.get(digest) == PICTURE


def test_concurrent_writers_of_equal_bytes_do_not_conflict(blobs: Blobs) -> None:
    with ThreadPoolExecutor(8) as pool:
        digests = set(pool.map(blobs.put, [PICTURE] * 16))
    (digest,) = digests
    assert blobs.get(digest) == PICTURE


def test_a_blob_stored_during_removals_survives(blobs: Blobs, backdoor: Backdoor) -> None:
    if backdoor.endpoint is not None:
        pytest.skip("S3 cannot check an age and remove atomically; see core.blobs.s3")

    def put(number: int) -> str:
        return blobs.put(f"{number}".encode())

    digests = [put(number) for number in range(50)]
    for digest in digests:
        backdoor.backdate(digest, HOUR)
    with ThreadPoolExecutor(4) as pool:
        removals = [pool.submit(blobs.delete, each, older_than=HOUR / 2) for each in digests]
        assert list(pool.map(put, range(50))) == digests
    assert any(removal.result() for removal in removals)
    assert dict(blobs.ages()).keys() == set(digests)


def test_a_ready_store_passes_its_check(blobs: Blobs) -> None:
    blobs.check()
    assert list(blobs.ages()) == []


@pytest.mark.parametrize(
    "use",
    [
        lambda blobs: blobs.put(b""),
        lambda blobs: blobs.check(),
        lambda blobs: blobs.get("0" * 64),
        lambda blobs: list(blobs.ages()),
    ],
    ids=["put", "check", "get", "ages"],
)
def test_an_outage_of_the_store_names_it_without_secrets(
    away: Blobs, backdoor: Backdoor, use: Callable[[Blobs], object]
) -> None:
    scheme = backdoor.url.partition(":")[0]
    with pytest.raises(ServiceUnavailable, match=f"blob store {scheme}://") as caught:
        use(away)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["", "pictures", "ftp://host/x", "file://host/x", "s3://"])
def test_an_invalid_store_url_is_refused_with_the_expected_form(url: str) -> None:
    with pytest.raises(InvalidSetting, match=r"EASEL_BLOBS is .* expected file:///path"):
        open_blobs(url)
