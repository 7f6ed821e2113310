"""The program of a decoder that a picture has taken over: ``main`` of the real one, which runs
attacks instead of a decoder, and answers with their results."""

from __future__ import annotations

import ctypes
import errno
import json
import os
import resource
import socket
import sys
import threading
from collections.abc import Callable

from core.errors import InvalidPicture
from core.pictures import sandbox_child
from core.pictures.inspection import Inspection

_libc = ctypes.CDLL(None, use_errno=True)
_PARENT = os.getppid()
_PTRACE_ATTACH = 16
_CLONE_NEWUSER = 0x10000000
_IO_URING_SETUP = 425  # on all architectures
_PIDFD_OPEN = 434


def _call(function: Callable[..., int], *args: int | bytes | None) -> None:
    if function(*args) < 0:
        raise OSError(ctypes.get_errno(), "")


def _fork() -> None:
    if os.fork() == 0:
        os._exit(0)


def _thread() -> None:
    thread = threading.Thread(target=str)
    thread.start()
    thread.join()


ATTACKS: dict[str, Callable[[], object]] = {
    "open": lambda: os.open("/etc/passwd", os.O_RDONLY),
    "open the parent's environment": lambda: os.open(f"/proc/{_PARENT}/environ", os.O_RDONLY),
    "create a file": lambda: os.open("/tmp/easel-takeover", os.O_CREAT | os.O_WRONLY),
    "list a folder": lambda: os.listdir("/"),
    "delete a file": lambda: os.unlink("/tmp/easel-takeover"),
    "change a mode": lambda: os.chmod("/tmp", 0o1777),
    "socket": lambda: socket.socket(socket.AF_INET),
    "unix socket": lambda: socket.socket(socket.AF_UNIX),
    "socketpair": socket.socketpair,
    "fork": _fork,
    "spawn": lambda: os.posix_spawn("/bin/true", ["true"], {}),
    "exec": lambda: os.execv("/bin/true", ["true"]),
    "kill": lambda: os.kill(_PARENT, 0),
    "ptrace": lambda: _call(_libc.ptrace, _PTRACE_ATTACH, _PARENT, None, None),
    "read another process": lambda: _call(_libc.process_vm_readv, _PARENT, None, 0, None, 0, 0),
    "limits of another process": lambda: resource.prlimit(_PARENT, resource.RLIMIT_CPU),
    "pidfd": lambda: _call(_libc.syscall, _PIDFD_OPEN, _PARENT, 0),
    "memory file": lambda: os.memfd_create("x"),
    "pipe": os.pipe,
    "namespace": lambda: _call(_libc.unshare, _CLONE_NEWUSER),
    "io_uring": lambda: _call(_libc.syscall, _IO_URING_SETUP, 1, None),
    "nice": lambda: os.nice(1),
    "thread": _thread,
}


def _attack(*_: object, **__: object) -> Inspection:
    os.close(2)  # frees a descriptor below the limit of open files
    results = {}
    for name, attack in ATTACKS.items():
        try:
            attack()
            results[name] = "done"
        except OSError as error:
            results[name] = errno.errorcode.get(error.errno or 0, str(error))
    raise InvalidPicture(json.dumps(results))


if __name__ == "__main__":
    vars(sandbox_child)["inspect"] = _attack
    sandbox_child.main(int(sys.argv[1]), int(sys.argv[2]))
