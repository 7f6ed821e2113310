"""Cores and memory that this process may use: those of its cgroup, or else of the machine.

Reads cgroups of version 1 and 2; Linux's ``Documentation/admin-guide/cgroup-v2.rst`` and
``cgroup-v1/`` describe their files. The limit of a group holds for the groups in it too, so the
lowest one on the way up counts. A file that is missing or unreadable sets no limit.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_ROOT = Path("/")

#: Version 2 has one hierarchy for all controllers, which /proc/self/cgroup does not name.
_UNIFIED = ""


def cores(root: Path = _ROOT) -> float:
    """Return how many cores this process may use; 0.5 means half of the time of one.

    This is the number of processors in the affinity mask, which a cpuset restricts too, or the
    quota of a cgroup if that is lower.

    Args:
        root: the folder with ``proc`` and ``sys``.
    """
    return min([float(_processors()), *_quotas(root)])


def threads(root: Path = _ROOT) -> int:
    """Return how many threads can compute at a time: the whole cores, and at least one."""
    return max(1, math.floor(cores(root)))


def spare_cores(root: Path = _ROOT) -> float:
    """Return how many cores others may keep busy without taking any from this process.

    With a quota of 2 on a machine with 64 processors, these are 62.

    Args:
        root: the folder with ``proc`` and ``sys``.
    """
    return _processors() - cores(root)


def memory_limit(root: Path = _ROOT) -> int:
    """Return how many bytes of memory this process and the others in its cgroup may use.

    This is the physical memory, or the limit of a cgroup if that is lower. ``memory.high`` counts
    as a limit, because the kernel slows processes down above it.

    Args:
        root: the folder with ``proc`` and ``sys``.
    """
    return min([_physical(root), *(limit for limit, _ in _memory_groups(root))])


def memory_available(root: Path = _ROOT) -> int:
    """Return how many bytes of :func:`memory_limit` are free now, without swapping.

    Cached files count as free, because the kernel drops them. Systems other than Linux do not
    report free memory, and all of theirs counts.

    Args:
        root: the folder with ``proc`` and ``sys``.
    """
    machine = _field(_read(root / "proc/meminfo"), "MemAvailable:")
    free = _physical(root) if machine is None else machine * 1024
    return max(0, min([free, *(limit - used for limit, used in _memory_groups(root))]))


def threads_left(root: Path = _ROOT) -> float:
    """Return how many more threads the cgroup lets this process start; infinity without a limit.

    Args:
        root: the folder with ``proc`` and ``sys``.
    """
    left = math.inf
    for group in _groups(root, "pids"):
        most = _read(group / "pids.max") or "max"
        if most != "max":
            left = min(left, int(most) - int(_read(group / "pids.current") or "0"))
    return max(0, left)


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # macOS has no affinity masks


def _physical(root: Path) -> int:
    total = _field(_read(root / "proc/meminfo"), "MemTotal:")
    if total is not None:
        return total * 1024
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _quotas(root: Path) -> Iterator[float]:
    """Yield the processor quota of each group that has one, in cores."""
    for group in _groups(root, "cpu"):
        if text := _read(group / "cpu.max"):
            quota, period = text.split()
        else:
            quota = _read(group / "cpu.cfs_quota_us") or "-1"
            period = _read(group / "cpu.cfs_period_us") or "100000"
        if quota not in ("max", "-1"):
            yield int(quota) / int(period)


def _memory_groups(root: Path) -> Iterator[tuple[int, int]]:
    """Yield the limit of each group that has one, and its used bytes without cached files."""
    for group in _groups(root, "memory"):
        names = ("memory.max", "memory.high", "memory.limit_in_bytes")
        texts = (_read(group / name) for name in names)
        limits = [int(text) for text in texts if text and text != "max"]
        if not limits:
            continue
        used = _read(group / "memory.current") or _read(group / "memory.usage_in_bytes") or "0"
        statistics = _read(group / "memory.stat")
        cached = sum(
            # Version 1 also has these without "total_": without the groups inside.
            _field(statistics, f"total_{name}") or _field(statistics, name) or 0
            for name in ("inactive_file", "active_file")
        )
        yield min(limits), max(0, int(used) - cached)


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """Yield the folders of this process's groups with a controller, from its own group upwards."""
    wanted = {controller, _UNIFIED}
    for hierarchy, mount_root, mount_point in _mounts(root):
        for line in (_read(root / "proc/self/cgroup") or "").splitlines():
            _, controllers, name = line.split(":", 2)
            if wanted & hierarchy & set(controllers.split(",")):
                yield from _upwards(root / mount_point.lstrip("/"), name, mount_root)


def _mounts(root: Path) -> Iterator[tuple[set[str], str, str]]:
    """Yield each mounted hierarchy: its controllers, the group at its top, and its folder."""
    for line in (_read(root / "proc/self/mountinfo") or "").splitlines():
        mount, _, file_system = line.partition(" - ")
        kind, _, options = file_system.split(" ", 2)
        if kind in ("cgroup", "cgroup2"):
            mount_root, mount_point = mount.split(" ")[3:5]
            yield (
                {_UNIFIED} if kind == "cgroup2" else {*options.split(",")},
                mount_root,
                mount_point,
            )


def _upwards(top: Path, name: str, mount_root: str) -> Iterator[Path]:
    """Yield the folder of a group and of those around it, up to the top of what is mounted."""
    group = Path(name)
    if group.is_relative_to(mount_root) and ".." not in group.parts:
        inner = group.relative_to(mount_root)
        yield from (top / each for each in (inner, *inner.parents) if each != Path())
    yield top  # in a container often the only one: the groups around it cannot be seen


def _read(file: Path) -> str | None:
    with suppress(OSError):
        return file.read_text().strip()
    return None


def _field(text: str | None, name: str) -> int | None:
    """Return the number after a name at the beginning of a line; None if there is no such line."""
    for line in (text or "").splitlines():
        words = line.split()
        if words[0] == name:
            return int(words[1])
    return None
