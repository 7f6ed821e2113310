"""What a decoder process may still do: use its memory, and its standard input and output.

On Linux, seccomp refuses every system call that decoding does not need, and Landlock refuses
files, connections and signals a second time. Neither needs privileges, and no process can
remove them. Other platforms have resource limits only.
"""

from __future__ import annotations

import errno
import os
import resource
import sys
from collections.abc import Callable

from pydantic import BaseModel, ConfigDict

if sys.platform == "linux":
    import landlockpy
    import seccompy

#: The system calls that decoders, Python and the C library make between two files. All others
#: fail with EPERM, among them those that open, connect, execute, trace and send signals.
_ALLOWED = (
    "read", "write", "close", "lseek", "fstat",
    "mmap", "munmap", "mprotect", "mremap", "brk", "madvise",
    "futex", "set_robust_list", "rseq", "sched_yield", "sched_getaffinity",
    "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "getpid", "gettid",
    "clock_gettime", "clock_nanosleep", "gettimeofday", "getrandom", "getrusage",
    "exit", "exit_group",
)  # fmt: skip

_CLONE_THREAD = 0x10000


class Restrictions(BaseModel):
    """What the kernel enforces in a decoder process, besides its resource limits."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: Whether a seccomp filter refuses system calls.
    seccomp: bool
    #: The version of Landlock's interface; 0 if the kernel does not have Landlock.
    landlock: int

    @property
    def weakness(self) -> str | None:
        """What a file that takes over a decoder could do, or None if it could do nothing."""
        if self.seccomp:
            return None
        return (
            "a picture that takes over a decoder could read files, use the network and send "
            "signals, because this system has no seccomp filter for it; run the API on Linux, on "
            "x86-64 or ARM64, or keep it to pictures that you trust (SECURITY.md)"
        )


def restrict(memory_bytes: int) -> Restrictions:
    """Restrict this process for the rest of its life. It must have one thread.

    Args:
        memory_bytes: the limit of the address space.

    Raises:
        OSError: the kernel has a protection, and refuses to apply it.
        RuntimeError: the filter was applied, and does not work.
    """
    seccomp = _has_seccomp()  # first, because the library opens files
    landlock = _deny_access()
    if seccomp:
        _filter_system_calls()
    else:  # Linux counts threads too, and some decoders need one
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))  # three are open
    return Restrictions(seccomp=seccomp, landlock=landlock)


def _deny_access() -> int:
    """Deny files, TCP and signals with Landlock, and return the version of its interface."""
    if sys.platform != "linux" or not _has(landlockpy.supported):
        return 0
    scope = landlockpy.Scope.ABSTRACT_UNIX_SOCKET | landlockpy.Scope.SIGNAL
    with landlockpy.Ruleset(scoped=scope) as ruleset:  # without rules, which would allow something
        ruleset.restrict()
        return ruleset.abi_version


def _has_seccomp() -> bool:
    return sys.platform == "linux" and _has(seccompy.supported)


def _has(supported: Callable[[], bool]) -> bool:
    try:
        return supported()
    except OSError as error:
        if error.errno in (errno.EPERM, errno.EACCES):  # old container engines forbid the question
            return False
        raise


def _filter_system_calls() -> None:
    """Allow few system calls with seccomp."""
    assert sys.platform == "linux"
    refused = seccompy.Action.ERRNO | errno.EPERM
    allowed = seccompy.Filter(refused, flags=seccompy.FilterFlag.TSYNC)
    for name in _ALLOWED:
        allowed.allow(name)
    allowed.allow("tgkill", args={0: os.getpid()})  # abort() signals its own thread
    allowed.allow("prlimit64", args={0: 0})  # of this process only
    # A filter cannot read the flags of clone3. Without it, C libraries start threads with clone.
    allowed.errno("clone3", errno.ENOSYS)
    thread = seccompy.ArgCmp(0, seccompy.CmpOp.MASKED_EQ, _CLONE_THREAD, mask=_CLONE_THREAD)
    allowed.allow("clone", args=[thread])
    allowed.load()
    try:
        os.getpgid(0)  # harmless, and not allowed
    except PermissionError:
        return
    raise RuntimeError("the seccomp filter has no effect: getpgid() works; expected EPERM")
