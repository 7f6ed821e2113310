"""The file blob store."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from core.blobs import FileBlobs
from core.errors import BlobNotFound


def test_a_blob_is_read_by_the_hash_of_its_bytes(blobs: FileBlobs) -> None:
    digest = blobs.put(b"picture")
    assert digest == hashlib.sha256(b"picture").hexdigest()
    assert blobs.get(digest) == b"picture"


def test_storing_the_same_bytes_twice_is_one_blob(blobs: FileBlobs, tmp_path: Path) -> None:
    assert blobs.put(b"picture") == blobs.put(b"picture")
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1


def test_an_unknown_blob_is_said_to_be_missing(blobs: FileBlobs) -> None:
    with pytest.raises(BlobNotFound, match="0" * 64):
        blobs.get("0" * 64)


def test_a_write_that_fails_leaves_nothing_behind(
    blobs: FileBlobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", no_space)
    with pytest.raises(OSError, match="No space left"):
        blobs.put(b"picture")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_the_check_notices_a_store_that_cannot_be_written(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    with pytest.raises(OSError, match="file"):
        FileBlobs(in_the_way / "blobs").check()
    FileBlobs(tmp_path / "new").check()
