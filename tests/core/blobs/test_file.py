"""The blob backend of files: failed writes, stray files and concurrent removals."""

from __future__ import annotations

import fcntl
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core.blobs.blobs import Blobs, open_blobs
from core.errors import ServiceUnavailable


def files_in(tmp_path: Path) -> list[Path]:
    return [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_failed_write_leaves_no_file(
    blobs: Blobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", no_space)
    with pytest.raises(ServiceUnavailable, match="No space left"):
        blobs.put(b"picture")
    assert files_in(tmp_path) == []


def test_only_the_owner_can_read_blobs_and_their_directories(tmp_path: Path) -> None:
    blobs = open_blobs((tmp_path / "data" / "blobs").as_uri())
    blobs.put(b"picture")
    paths = [tmp_path / "data", *(tmp_path / "data").rglob("*")]
    assert len(paths) == 4
    assert [path for path in paths if path.stat().st_mode & 0o077] == []


def test_a_partial_write_is_not_a_blob_and_is_removed_by_age(blobs: Blobs, tmp_path: Path) -> None:
    blob = next(tmp_path.rglob(blobs.put(b"picture")))
    stray = blob.with_name(".incoming-x")
    stray.write_bytes(b"pic")
    assert [digest for digest, _ in blobs.ages()] == [blob.name]
    assert blobs.delete_strays(older_than=60) == 0
    an_hour_ago = time.time() - 3600
    os.utime(stray, (an_hour_ago, an_hour_ago))
    assert blobs.delete_strays(older_than=60) == 1
    assert files_in(tmp_path) == [blob]


def test_files_of_other_programs_are_logged_and_left_alone(
    blobs: Blobs, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    digest = blobs.put(b"picture")
    root = next(tmp_path.rglob(digest)).parent.parent
    others = [root / ".DS_Store", root / digest[:2] / ".DS_Store", root / ".incoming-other"]
    for other in others:
        other.write_bytes(b"x")
        os.utime(other, (0, 0))
    found = root / "lost+found"
    found.mkdir(mode=0o000)
    (root / "ff").touch()  # named like a directory of blobs
    assert [each for each, _ in blobs.ages()] == [digest]
    (record,) = caplog.records
    assert "left alone" in record.message
    assert vars(record)["files"] == 4
    assert blobs.delete_strays(older_than=60) == 0
    assert all(other.exists() for other in others)


def test_a_removal_waits_for_a_concurrent_rename_before_it_checks_the_age(
    blobs: Blobs, tmp_path: Path
) -> None:
    digest = blobs.put(b"picture")
    blob = next(tmp_path.rglob(digest))
    os.utime(blob, (0, 0))
    directory = os.open(blob.parent.parent, os.O_RDONLY)
    fcntl.flock(directory, fcntl.LOCK_SH)  # as a writer does
    with ThreadPoolExecutor() as pool:
        removal = pool.submit(blobs.delete, digest, older_than=60)
        while not (removal.done() or _has_waiting_lock(directory)):
            os.sched_yield()
        blob.touch()  # the writer has renamed the new file over the old one
        os.close(directory)
        assert removal.result() is False
    assert blobs.get(digest) == b"picture"


def _has_waiting_lock(descriptor: int) -> bool:
    inode = os.fstat(descriptor).st_ino
    waiting = [line for line in Path("/proc/locks").read_text().splitlines() if "->" in line]
    return any(line.split()[6].endswith(f":{inode}") for line in waiting)
