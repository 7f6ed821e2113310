"""What the C library keeps of freed memory."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from textwrap import dedent

import pytest

pytestmark = pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "mallopt"), reason="the C library is not glibc"
)


def told(program: str) -> list[int]:
    """What a program of a process of its own says: the setting is of a whole process."""
    common = """
        import os
        import resource
        from pathlib import Path
        from core.runtime.malloc import give_back_memory, keep_freed_memory

        def resident_mib():
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            return pages * os.sysconf("SC_PAGE_SIZE") // 2**20

        def faults_of_a_large_piece():
            before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
            bytearray(36 * 2**20)
            return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
    """
    source = dedent(common) + dedent(program)
    done = subprocess.run([sys.executable, "-c", source], check=True, capture_output=True)
    return [int(number) for number in done.stdout.split()]


def test_memory_that_was_freed_is_used_again_without_new_pages() -> None:
    first, second = told("""
        keep_freed_memory()
        print(faults_of_a_large_piece(), faults_of_a_large_piece())
    """)
    assert second < first / 10


def test_what_is_kept_can_be_given_back() -> None:
    before, kept, after = told("""
        keep_freed_memory()
        before = resident_mib()
        faults_of_a_large_piece()
        kept = resident_mib()
        give_back_memory()
        print(before, kept, resident_mib())
    """)
    assert kept - before > 32
    assert after - before < 4
