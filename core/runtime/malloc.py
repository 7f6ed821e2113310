"""The memory that the C library keeps for the next step, on the CPU.

By itself it gives large pieces back to the system as soon as they are freed, and a step
that takes them anew waits for empty pages: a sixth of its time at 1024 (bench/README.md).
Where the C library is not glibc, nothing of this is done.
"""

from __future__ import annotations

import ctypes

_MIB = 2**20

#: By their numbers in glibc's ``malloc.h``.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3

#: Larger pieces go back all the same, since they leave gaps that nothing else fits into:
#: at 2048 x 2048, a run takes 430 MiB more with 48 MiB here, and 700 with 64.
_KEPT_BYTES = 40 * _MIB
_KEPT_IN_ALL = 512 * _MIB


def keep_freed_memory() -> None:
    """From now on, in this process."""
    if mallopt := _glibc("mallopt"):
        mallopt(_M_MMAP_THRESHOLD, _KEPT_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _KEPT_IN_ALL)


def give_back_memory() -> None:
    """What is kept just now; the next step keeps it again."""
    if malloc_trim := _glibc("malloc_trim"):
        malloc_trim(0)


def _glibc(name: str) -> ctypes._NamedFuncPointer | None:
    return getattr(ctypes.CDLL(None), name, None)
