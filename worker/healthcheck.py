"""``python -m worker.healthcheck``: the health check of a worker's container.

A worker consists of two processes: a parent, and a child that holds the network. The check
looks for both in ``/proc``. It does not ask Redis: a worker that waits for Redis is healthy,
and a restart would not help it. Jobs that stall are found elsewhere: by the lease
(``EASEL_STALL_SECONDS``) and by the parent's watchdog.

The child is recognised by the command line that billiard starts it with, which is private to
billiard. Tried with billiard 4.3.2.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from core.runtime.modules import full_name

_COMMAND = (b"-m", full_name("worker").encode())
#: billiard.spawn starts the child by this function. The parent's other child, the semaphore
#: tracker, is started by another.
_CHILD = b"spawn_main"


@dataclass(frozen=True)
class _Process:
    id: int
    parent: int
    dead: bool
    arguments: tuple[bytes, ...]


def is_alive(proc: Path) -> bool:
    """Return whether a worker's parent process runs and has its child.

    Args:
        proc: the ``/proc`` file system.
    """
    processes = [process for process in _processes(proc) if not process.dead]
    parents = {process.id for process in processes if _COMMAND in pairwise(process.arguments)}
    return any(
        process.parent in parents and any(_CHILD in word for word in process.arguments)
        for process in processes
    )


def _processes(proc: Path) -> Iterator[_Process]:
    for folder in proc.glob("[0-9]*"):
        try:
            # "7 (a name) S 1 ...": the name may contain spaces and parentheses.
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            arguments = tuple((folder / "cmdline").read_bytes().split(b"\0"))
        except (FileNotFoundError, ProcessLookupError):
            continue  # the process ended while we looked
        yield _Process(int(folder.name), int(parent), state in "ZX", arguments)


if __name__ == "__main__":
    sys.exit(0 if is_alive(Path("/proc")) else 1)
