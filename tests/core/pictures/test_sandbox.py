"""Files decoded where they can do no harm, and files that try."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
from PIL import Image

from core.errors import InvalidPicture, ServiceUnavailable
from core.pictures.inspection import Seen, examine
from core.pictures.sandbox import Bounds, Sandbox
from tests.conftest import photo, png
from tests.core.pictures.test_decode import saved
from tests.corpus.make import many_scans

PHOTO = png(photo(64, 48))
MAX_PIXELS = 40_000_000


@pytest.fixture
def others(sandbox: Sandbox) -> set[int]:
    """The processes that are there before a test has its own."""
    return pids()


@pytest.fixture
def alone(others: set[int]) -> Iterator[Sandbox]:
    """One process, which a test may break."""
    sandbox = Sandbox(1, Bounds(memory_bytes=2**28, seconds=30, clock_seconds=240))
    sandbox.start()
    yield sandbox
    sandbox.stop()


def look(sandbox: Sandbox, data: bytes, mask: bool = False) -> Seen:
    return sandbox.examine(data, mask, max_pixels=MAX_PIXELS)


def pids() -> set[int]:
    """The processes that decode for this one."""
    return {
        child.pid
        for child in psutil.Process().children()
        if child.is_running() and "core.pictures.sandbox_child" in child.cmdline()
    }


def test_a_picture_is_seen_as_it_would_be_here(sandbox: Sandbox) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = saved(photo(64, 48), "JPEG", exif=exif)
    mask = png(Image.new("L", (30, 40), 7))
    for data, is_mask in ((PHOTO, False), (turned, False), (mask, True)):
        assert look(sandbox, data, is_mask) == examine(data, is_mask, max_pixels=MAX_PIXELS)
    assert look(sandbox, turned).size == (48, 64)
    assert look(sandbox, mask, mask=True).regions == (((7, 7, 7), 1.0),)


def test_a_file_that_is_refused_is_refused_in_the_same_words(sandbox: Sandbox) -> None:
    for data, is_mask in ((b"", False), (b"hello", False), (PHOTO[:900], False), (PHOTO, True)):
        with pytest.raises(InvalidPicture) as here:
            examine(data, is_mask, max_pixels=MAX_PIXELS)
        with pytest.raises(InvalidPicture) as there:
            look(sandbox, data, is_mask)
        assert there.value.message == here.value.message


def test_every_format_is_read_though_no_file_can_be_opened_any_more(sandbox: Sandbox) -> None:
    for picture_format in ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "AVIF"):
        for mode in ("RGB", "L"):
            assert look(sandbox, saved(photo(40, 30).convert(mode), picture_format)).size == (
                40,
                30,
            )
    for mode in ("RGBA", "LA", "P", "1", "CMYK", "I;16", "F"):
        picture = Image.new("F", (40, 30), 3) if mode == "F" else photo(40, 30).convert("L")
        picture = picture if mode == "F" else picture.convert(mode)
        assert look(sandbox, saved(picture, "TIFF")).size == (40, 30), mode
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits"):
        data = saved(photo(40, 30), "TIFF", compression=compression)
        assert look(sandbox, data).size == (40, 30)


def test_a_file_that_needs_too_much_memory_is_refused_with_the_limit(alone: Sandbox) -> None:
    large = saved(Image.new("RGBA", (6000, 6000), (1, 2, 3, 4)), "PNG", compress_level=1)
    with pytest.raises(InvalidPicture, match="more than the 268435456 bytes of memory allowed"):
        look(alone, large)
    assert look(alone, PHOTO).size == (64, 48)


def test_a_file_that_takes_too_long_is_refused_with_the_limit() -> None:
    brief = Sandbox(1, Bounds(memory_bytes=2**28, seconds=1, clock_seconds=240))
    with pytest.raises(InvalidPicture, match="more than the 1 seconds allowed"):
        look(brief, many_scans(side=2000, scans=2000))
    assert look(brief, PHOTO).size == (64, 48)
    brief.stop()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_process_that_ends_is_replaced_and_only_its_file_is_refused(
    others: set[int], alone: Sandbox, number: signal.Signals
) -> None:
    look(alone, PHOTO)
    (victim,) = pids() - others
    os.kill(victim, number)
    with pytest.raises(InvalidPicture, match="the decoder gave up on it"):
        look(alone, PHOTO)
    assert look(alone, PHOTO).size == (64, 48)
    assert victim not in pids()


def test_a_process_that_hangs_is_killed_and_the_caller_told_to_come_again(others: set[int]) -> None:
    hasty = Sandbox(1, Bounds(memory_bytes=2**28, seconds=1, clock_seconds=0.2))
    hasty.start()
    (victim,) = pids() - others
    os.kill(victim, signal.SIGSTOP)
    with pytest.raises(ServiceUnavailable, match="too busy"):
        look(hasty, PHOTO)
    assert victim not in pids()
    hasty.stop()
    assert pids() == others


def test_threads_share_it(sandbox: Sandbox) -> None:
    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(lambda n: look(sandbox, png(photo(40 + n, 30))).width, range(40)))
    assert seen == [40 + n for n in range(40)]


def test_what_runs_there_has_no_secrets_and_can_open_nothing(
    others: set[int], alone: Sandbox
) -> None:
    look(alone, PHOTO)
    (pid,) = pids() - others
    process = psutil.Process(pid)
    assert set(process.environ()) <= {"PYTHONPATH", "LC_CTYPE"}
    assert process.rlimit(psutil.RLIMIT_NOFILE) == (3, 3)
    assert process.rlimit(psutil.RLIMIT_FSIZE) == (0, 0)
    assert process.rlimit(psutil.RLIMIT_AS) == (2**28, 2**28)
    assert process.net_connections() == []
