"""The sandbox: equal results, limits, crashes and restrictions."""

from __future__ import annotations

import os
import re
import resource
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from PIL import Image

from core.errors import InvalidPicture, ServiceUnavailable
from core.pictures.formats.table import INPUT_FORMATS
from core.pictures.inspection import Inspection, inspect
from core.pictures.sandbox import Sandbox
from core.pictures.sandbox_process import Bounds
from tests.conftest import photo, png
from tests.core.pictures.test_decode import saved
from tests.corpus.make import DECODED, REFUSED, many_scans

PHOTO = png(photo(64, 48))
MAX_PIXELS = 40_000_000


@pytest.fixture
def existing(sandbox: Sandbox) -> set[int]:
    """The child processes that exist before the test."""
    return pids()


@pytest.fixture
def single(existing: set[int]) -> Iterator[Sandbox]:
    """A sandbox with one process, which the test may kill."""
    sandbox = Sandbox(1, Bounds(memory_bytes=2**28, seconds=30, clock_seconds=240))
    sandbox.start()
    yield sandbox
    sandbox.stop()


def inspected(sandbox: Sandbox, data: bytes, mask: bool = False) -> Inspection:
    return sandbox.inspect(data, mask, max_pixels=MAX_PIXELS)


def pids() -> set[int]:
    """The child processes of all sandboxes."""
    return {
        child.pid
        for child in psutil.Process().children()
        if child.is_running() and any("sandbox_child" in each for each in child.cmdline())
    }


def test_the_sandbox_returns_the_same_as_this_process(sandbox: Sandbox) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = saved(photo(64, 48), "JPEG", exif=exif)
    mask = png(Image.new("L", (30, 40), 7))
    for data, is_mask in ((PHOTO, False), (turned, False), (mask, True)):
        assert inspected(sandbox, data, is_mask) == inspect(data, is_mask, max_pixels=MAX_PIXELS)
    assert inspected(sandbox, turned).size == (48, 64)
    assert inspected(sandbox, mask, mask=True).regions == (((7, 7, 7), 1.0),)


def test_the_sandbox_raises_the_same_errors_as_this_process(sandbox: Sandbox) -> None:
    for data, is_mask in ((b"", False), (b"hello", False), (PHOTO[:900], False), (PHOTO, True)):
        with pytest.raises(InvalidPicture) as here:
            inspect(data, is_mask, max_pixels=MAX_PIXELS)
        with pytest.raises(InvalidPicture) as there:
            inspected(sandbox, data, is_mask)
        assert there.value.message == here.value.message


#: Inspects the files in a folder, and ends with the name of the first one that needs an import.
_WITHOUT_IMPORTS = """
import contextlib, sys, warnings
from pathlib import Path
from core.errors import InvalidPicture
from core.pictures.formats.table import import_decoders
from core.pictures.inspection import inspect

import_decoders()
warnings.simplefilter("ignore")
files = {path.name: path.read_bytes() for path in Path(sys.argv[1]).iterdir()}

def refuse(event, arguments):
    if event in ("import", "open"):
        sys.exit(f"{name}: {event} {arguments[0]}")

sys.addaudithook(refuse)
for name, data in files.items():
    for mask in (False, True):
        with contextlib.suppress(InvalidPicture):
            inspect(data, mask, max_pixels=1_000_000)
"""


def test_every_format_is_decoded_without_imports_and_without_opening_files(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    small = photo(40, 30)
    files = [saved(small.convert("L"), each.name) for each in INPUT_FORMATS]
    files += [saved(small, each.name, exif=exif) for each in INPUT_FORMATS]
    files += [saved(small, "MPO", save_all=True, append_images=[small])]
    for mode in ("RGBA", "LA", "P", "1", "CMYK", "I;16", "F"):
        picture = Image.new("F", (40, 30), 3) if mode == "F" else small.convert("L")
        files += [saved(picture if mode == "F" else picture.convert(mode), "TIFF")]
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits"):
        files += [saved(small, "TIFF", compression=compression)]
    for data in files:
        assert inspected(sandbox, data).size in ((40, 30), (30, 40))
    files += [make() for make in REFUSED.values()] + [make() for make in DECODED.values()]
    for number, data in enumerate(files):
        (tmp_path / str(number)).write_bytes(data)
    command = [sys.executable, "-c", _WITHOUT_IMPORTS, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_file_that_needs_too_much_memory_is_refused_with_the_limit(single: Sandbox) -> None:
    large = saved(Image.new("RGBA", (6000, 6000), (1, 2, 3, 4)), "PNG", compress_level=1)
    with pytest.raises(InvalidPicture, match="more than the 268435456 bytes of memory allowed"):
        inspected(single, large)
    assert inspected(single, PHOTO).size == (64, 48)


def test_a_file_that_takes_too_long_is_refused_with_the_limit() -> None:
    impatient = Sandbox(1, Bounds(memory_bytes=2**28, seconds=1, clock_seconds=240))
    with pytest.raises(InvalidPicture, match="more than the 1 seconds allowed"):
        inspected(impatient, many_scans(side=2000, scans=2000))
    assert inspected(impatient, PHOTO).size == (64, 48)
    impatient.stop()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_process_that_dies_between_files_is_replaced(
    existing: set[int], single: Sandbox, number: signal.Signals
) -> None:
    inspected(single, PHOTO)
    (victim,) = pids() - existing
    os.kill(victim, number)
    os.waitid(os.P_PID, victim, os.WEXITED | os.WNOWAIT)
    assert inspected(single, PHOTO).size == (64, 48)
    assert victim not in pids()


def end_at_next_file(pid: int, number: signal.Signals) -> threading.Thread:
    """End a process with a signal as soon as it is sent a file."""
    os.kill(pid, signal.SIGSTOP)

    def end() -> None:
        with open(f"/proc/{pid}/fd/0", "rb", buffering=0) as requests:
            select.select([requests], [], [])
        os.kill(pid, number)
        os.kill(pid, signal.SIGCONT)

    thread = threading.Thread(target=end)
    thread.start()
    return thread


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_file_whose_process_ends_is_inspected_by_another(
    existing: set[int], single: Sandbox, number: signal.Signals
) -> None:
    (victim,) = pids() - existing
    ending = end_at_next_file(victim, number)
    assert inspected(single, PHOTO).size == (64, 48)
    ending.join()
    assert victim not in pids()


@pytest.mark.parametrize(
    ("number", "error", "message"),
    [
        (signal.SIGKILL, ServiceUnavailable, "was killed twice"),
        (signal.SIGSEGV, InvalidPicture, "the decoder crashed"),
        (signal.SIGSYS, InvalidPicture, "the decoder crashed"),
    ],
)
def test_a_file_that_ends_two_processes_is_an_error(
    existing: set[int], number: signal.Signals, error: type[Exception], message: str
) -> None:
    double = Sandbox(2, Bounds(memory_bytes=2**28, seconds=30, clock_seconds=240))
    double.start()  # waits for the first process
    inspected(double, PHOTO)  # waits for the second
    endings = [end_at_next_file(pid, number) for pid in pids() - existing]
    with pytest.raises(error, match=message):
        inspected(double, PHOTO)
    for ending in endings:
        ending.join()
    assert inspected(double, PHOTO).size == (64, 48)
    double.stop()
    assert pids() == existing


def test_a_process_that_cannot_be_started_is_a_retryable_error(existing: set[int]) -> None:
    sandbox = Sandbox(1, Bounds(memory_bytes=2**28, seconds=30, clock_seconds=240))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        with pytest.raises(ServiceUnavailable, match="Too many open files") as caught:
            inspected(sandbox, PHOTO)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert caught.value.retryable
    assert inspected(sandbox, PHOTO).size == (64, 48)
    sandbox.stop()


def test_a_hanging_process_is_killed_and_the_error_is_retryable(existing: set[int]) -> None:
    impatient = Sandbox(1, Bounds(memory_bytes=2**28, seconds=1, clock_seconds=0.2))
    impatient.start()
    (victim,) = pids() - existing
    os.kill(victim, signal.SIGSTOP)
    with pytest.raises(ServiceUnavailable, match="too busy"):
        inspected(impatient, PHOTO)
    assert victim not in pids()
    impatient.stop()
    assert pids() == existing


def test_threads_can_share_a_sandbox(sandbox: Sandbox) -> None:
    with ThreadPoolExecutor(8) as pool:
        widths = list(
            pool.map(lambda n: inspected(sandbox, png(photo(40 + n, 30))).width, range(40))
        )
    assert widths == [40 + n for n in range(40)]


def test_processes_that_do_not_start_are_an_error_with_the_reason() -> None:
    broken = Sandbox(1, Bounds(memory_bytes=2**70, seconds=1, clock_seconds=240))
    with pytest.raises(ServiceUnavailable, match="does not start: OverflowError: "):
        broken.start()
    broken.stop()


def test_the_start_logs_what_the_kernel_enforces(
    caplog: pytest.LogCaptureFixture, existing: set[int]
) -> None:
    caplog.set_level("INFO", "core.pictures.sandbox")
    sandbox = Sandbox(1, Bounds(memory_bytes=2**28, seconds=1, clock_seconds=240))
    sandbox.start()
    sandbox.stop()
    (record,) = caplog.records
    assert record.message == "decoders are restricted"
    assert vars(record)["seccomp"] is True


def test_a_child_process_has_no_environment_and_few_resources(
    existing: set[int], single: Sandbox
) -> None:
    inspected(single, PHOTO)
    (pid,) = pids() - existing
    process = psutil.Process(pid)
    assert process.environ() == {}
    status = Path(f"/proc/{pid}/status").read_text()
    assert re.search(r"NoNewPrivs:\t1\nSeccomp:\t2\n", status)
    assert process.rlimit(psutil.RLIMIT_NOFILE) == (3, 3)
    assert process.rlimit(psutil.RLIMIT_FSIZE) == (0, 0)
    assert process.rlimit(psutil.RLIMIT_AS) == (2**28, 2**28)
    assert process.net_connections() == []
