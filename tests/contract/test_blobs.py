"""What every blob store promises."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from core.blobs.blobs import Blobs, open_blobs
from core.errors import BlobCorrupt, BlobNotFound, InvalidSetting, ServiceUnavailable
from tests.contract.stores import Backdoor

#: Every byte there is, so that nothing is taken for text.
PICTURE = bytes(range(256)) * 40
HOUR = 3600.0


def test_a_blob_is_read_by_the_hash_of_its_bytes(blobs: Blobs) -> None:
    digest = blobs.put(PICTURE)
    assert digest == hashlib.sha256(PICTURE).hexdigest()
    assert blobs.get(digest) == PICTURE


def test_an_empty_blob_is_a_blob(blobs: Blobs) -> None:
    assert blobs.get(blobs.put(b"")) == b""


def test_the_same_bytes_twice_are_one_blob(blobs: Blobs) -> None:
    assert blobs.put(PICTURE) == blobs.put(PICTURE)
    assert [digest for digest, _ in blobs.ages()] == [blobs.put(PICTURE)]


def test_a_store_opened_again_has_what_was_put(blobs: Blobs, backdoor: Backdoor) -> None:
    digest = blobs.put(PICTURE)
    assert open_blobs(backdoor.url, s3_endpoint=backdoor.endpoint).get(digest) == PICTURE


def test_an_unknown_blob_is_said_to_be_missing(blobs: Blobs) -> None:
    unknown = "0" * 64
    assert not blobs.delete(unknown)
    with pytest.raises(BlobNotFound, match=unknown):
        blobs.get(unknown)


def test_a_deleted_blob_is_gone_and_the_others_stay(blobs: Blobs) -> None:
    gone, stays = blobs.put(b"gone"), blobs.put(b"stays")
    assert blobs.delete(gone)
    with pytest.raises(BlobNotFound):
        blobs.get(gone)
    assert [digest for digest, _ in blobs.ages()] == [stays]
    assert blobs.get(stays) == b"stays"


def test_a_damaged_blob_is_never_given_out_and_putting_it_again_mends_it(
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


def test_only_a_blob_of_the_age_given_is_removed(blobs: Blobs, backdoor: Backdoor) -> None:
    digest = blobs.put(PICTURE)
    assert not blobs.delete(digest, older_than=HOUR)
    backdoor.backdate(digest, HOUR)
    assert not blobs.delete(digest, older_than=2 * HOUR)
    assert dict(blobs.ages()).keys() == {digest}
    assert blobs.delete(digest, older_than=HOUR)
    assert not dict(blobs.ages())


def test_putting_a_blob_again_makes_it_young(blobs: Blobs, backdoor: Backdoor) -> None:
    digest = blobs.put(PICTURE)
    backdoor.backdate(digest, HOUR)
    blobs.put(PICTURE)
    assert not blobs.delete(digest, older_than=HOUR / 2)
    assert blobs.get(digest) == PICTURE


def test_many_writers_of_the_same_bytes_do_not_disturb_each_other(blobs: Blobs) -> None:
    with ThreadPoolExecutor(8) as pool:
        digests = set(pool.map(blobs.put, [PICTURE] * 16))
    (digest,) = digests
    assert blobs.get(digest) == PICTURE


def test_a_blob_put_while_old_ones_are_removed_is_there_afterwards(
    blobs: Blobs, backdoor: Backdoor
) -> None:
    if backdoor.endpoint is not None:
        pytest.skip("S3 cannot look at an age and remove in one go; core.blobs.s3 says so")

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
def test_a_store_that_is_away_is_an_outage_that_names_it(
    away: Blobs, backdoor: Backdoor, use: Callable[[Blobs], object]
) -> None:
    scheme = backdoor.url.partition(":")[0]
    with pytest.raises(ServiceUnavailable, match=f"blob store {scheme}://") as caught:
        use(away)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["", "pictures", "ftp://host/x", "file://host/x", "s3://"])
def test_an_address_that_is_no_store_is_refused_with_what_was_expected(url: str) -> None:
    with pytest.raises(InvalidSetting, match=r"EASEL_BLOBS is .* expected file:///path"):
        open_blobs(url)
