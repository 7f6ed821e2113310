"""Tuning of glibc's allocator: keep freed memory for the next step, on the CPU.

By default, glibc returns large blocks to the system as soon as they are freed. The next step
then waits for new zeroed pages, a sixth of its time at 1024 (bench/README.md). With another C
library these functions do nothing.
"""

from __future__ import annotations

import ctypes
import sys

_MIB = 2**20

#: Parameters of ``mallopt``, from glibc's ``malloc.h``.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3

#: Larger blocks are returned to the system, because they fragment the heap: at 2048 x 2048, a
#: run takes 430 MiB more with a limit of 48 MiB, and 700 MiB more with 64 MiB.
_MAX_KEPT_BLOCK = 40 * _MIB
_MAX_KEPT_TOTAL = 512 * _MIB


def keep_freed_memory() -> None:
    """Keep freed memory in this process from now on."""
    if mallopt := _glibc("mallopt"):
        mallopt(_M_MMAP_THRESHOLD, _MAX_KEPT_BLOCK)
        mallopt(_M_TRIM_THRESHOLD, _MAX_KEPT_TOTAL)


def give_back_memory() -> None:
    """Return the kept memory to the system once; later steps keep theirs again."""
    if malloc_trim := _glibc("malloc_trim"):
        malloc_trim(0)


def _glibc(name: str) -> ctypes._NamedFuncPointer | None:
    if sys.platform == "win32":
        return None  # there, ctypes opens no library without a name
    return getattr(ctypes.CDLL(None), name, None)
