"""The memory that glibc keeps after it was freed."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from textwrap import dedent

import pytest

pytestmark = pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "mallopt"), reason="the C library is not glibc"
)


def output_of(program: str) -> list[int]:
    """Return the numbers that a program prints in its own process, which the setting affects."""
    common = """
        import os
        import resource
        from pathlib import Path
        from core.runtime.malloc import give_back_memory, keep_freed_memory

        def resident_mib():
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            return pages * os.sysconf("SC_PAGE_SIZE") // 2**20

        def faults_of_a_large_block():
            before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
            bytearray(36 * 2**20)
            return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
    """
    source = dedent(common) + dedent(program)
    done = subprocess.run([sys.executable, "-c", source], check=True, capture_output=True)
    return [int(number) for number in done.stdout.split()]


def test_freed_memory_is_reused_without_page_faults() -> None:
    first, second = output_of("""
        keep_freed_memory()
        print(faults_of_a_large_block(), faults_of_a_large_block())
    """)
    assert second < first / 10


def test_kept_memory_can_be_returned_to_the_system() -> None:
    before, kept, after = output_of("""
        keep_freed_memory()
        before = resident_mib()
        faults_of_a_large_block()
        kept = resident_mib()
        give_back_memory()
        print(before, kept, resident_mib())
    """)
    assert kept - before > 32
    assert after - before < 4
