"""The health check of a worker's container."""

from __future__ import annotations

from pathlib import Path

import pytest

from worker.healthcheck import is_alive

PARENT = (1, 0, "S", "python -m worker -n painter@host")
TRACKER = (8, 1, "S", "python -c from\xa0billiard.semaphore_tracker\xa0import\xa0main;main(5)")
CHILD = (9, 1, "R", "python -c from\xa0billiard.spawn\xa0import\xa0spawn_main; --billiard-fork")
CHECK = (30, 0, "R", "python -m worker.healthcheck")

Process = tuple[int, int, str, str]


def write(proc: Path, *processes: Process) -> Path:
    """Write a ``/proc`` with these processes: (id, parent, state, arguments)."""
    (proc / "sys").mkdir()
    for number, parent, state, arguments in processes:
        folder = proc / str(number)
        folder.mkdir()
        (folder / "stat").write_text(f"{number} (a) b (c) {state} {parent} 1 1 0 -1 4194560\n")
        (folder / "cmdline").write_bytes(arguments.replace(" ", "\0").encode() + b"\0")
    return proc


def test_a_parent_with_its_child_is_alive(tmp_path: Path) -> None:
    assert is_alive(write(tmp_path, PARENT, TRACKER, CHILD, CHECK))


@pytest.mark.parametrize(
    "processes",
    [
        (CHECK,),
        (PARENT, TRACKER, CHECK),
        (PARENT, TRACKER, (9, 1, "Z", ""), CHECK),
        (PARENT, TRACKER, (9, 0, *CHILD[2:]), CHECK),
        (TRACKER, CHILD, CHECK),
    ],
    ids=["nothing", "no child", "a dead child", "the child of another", "no parent"],
)
def test_an_incomplete_worker_is_not_alive(tmp_path: Path, processes: tuple[Process, ...]) -> None:
    assert not is_alive(write(tmp_path, *processes))


def test_a_process_that_ends_during_the_check_is_skipped(tmp_path: Path) -> None:
    write(tmp_path, PARENT, CHILD)
    (tmp_path / "31").mkdir()
    assert is_alive(tmp_path)
