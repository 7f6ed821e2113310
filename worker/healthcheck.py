"""``python -m worker.healthcheck``: whether a worker of this container lives. For its health check.

A worker is two processes: the parent, and its child that holds the network. Both are
looked for in ``/proc``. Redis is not asked: a container whose worker waits for Redis is
well, and to restart it would help nobody. A job that stands still is the business of
the watchdogs (``worker.watchdog`` and ``EASEL_STALL_SECONDS``).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_APPLICATION = b"worker.main"
_CHILD = b"spawn_main"  # of billiard.spawn; the parent has another child, which counts semaphores


@dataclass(frozen=True)
class _Process:
    id: int
    parent: int
    dead: bool
    arguments: tuple[bytes, ...]


def is_alive(proc: Path) -> bool:
    """Whether there is a parent of a worker that has its child.

    Args:
        proc: ``/proc``.
    """
    processes = [each for each in _processes(proc) if not each.dead]
    parents = {each.id for each in processes if _APPLICATION in each.arguments}
    return any(
        each.parent in parents and any(_CHILD in word for word in each.arguments)
        for each in processes
    )


def _processes(proc: Path) -> Iterator[_Process]:
    for folder in proc.glob("[0-9]*"):
        try:
            # "7 (a name) S 1 ...": the name may have spaces and parentheses of its own.
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            arguments = tuple((folder / "cmdline").read_bytes().split(b"\0"))
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has just ended
        yield _Process(int(folder.name), int(parent), state in "ZX", arguments)


if __name__ == "__main__":
    sys.exit(0 if is_alive(Path("/proc")) else 1)
