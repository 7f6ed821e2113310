"""The cores and the memory that a process may use, in trees of files and in real cgroups."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from core.runtime.resources import (
    cores,
    memory_available,
    memory_limit,
    spare_cores,
    threads,
    threads_left,
)

MIB = 2**20

#: A machine of 8 GiB, of which 6 GiB are free.
MEMINFO = f"MemTotal: {8 * 2**20} kB\nMemFree: 5 kB\nMemAvailable: {6 * 2**20} kB\n"

V2 = "31 23 0:28 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
V1_CPU = "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
V1_MEMORY = "33 31 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files of a machine with four processors and without cgroups."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)
    write(tmp_path, {"proc/meminfo": MEMINFO})
    return tmp_path


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def test_without_cgroups_the_machine_counts(machine: Path) -> None:
    assert cores(machine) == 4
    assert spare_cores(machine) == 0
    assert memory_limit(machine) == 8 * 2**30
    assert memory_available(machine) == 6 * 2**30


def test_a_group_of_version_2_limits_cores_and_memory(machine: Path) -> None:
    group = {
        "cpu.max": "150000 100000\n",
        "memory.max": f"{1600 * MIB}\n",
        "memory.high": "max\n",
        "memory.current": f"{700 * MIB}\n",
        "memory.stat": f"anon 5\ninactive_file {200 * MIB}\nactive_file {100 * MIB}\n",
    }
    write(machine, {"proc/self/mountinfo": V2, "proc/self/cgroup": "0::/work/job\n"})
    write(machine, {f"sys/fs/cgroup/work/job/{name}": text for name, text in group.items()})

    assert cores(machine) == 1.5
    assert threads(machine) == 1
    assert spare_cores(machine) == 2.5
    assert memory_limit(machine) == 1600 * MIB
    assert memory_available(machine) == (1600 - 700 + 300) * MIB


def test_groups_of_version_1_limit_cores_and_memory(machine: Path) -> None:
    cpu = {"cpu.cfs_quota_us": "50000\n", "cpu.cfs_period_us": "100000\n"}
    memory = {
        "memory.limit_in_bytes": f"{512 * MIB}\n",
        "memory.usage_in_bytes": f"{300 * MIB}\n",
        "memory.stat": f"inactive_file 1\ntotal_inactive_file {50 * MIB}\ntotal_active_file 0\n",
    }
    write(machine, {"proc/self/mountinfo": V1_CPU + V1_MEMORY})
    write(machine, {"proc/self/cgroup": "4:memory:/easel\n2:cpu,cpuacct:/easel\n0::/\n"})
    write(machine, {f"sys/fs/cgroup/cpu,cpuacct/easel/{name}": cpu[name] for name in cpu})
    write(machine, {f"sys/fs/cgroup/memory/easel/{name}": memory[name] for name in memory})

    assert cores(machine) == 0.5
    assert threads(machine) == 1
    assert memory_limit(machine) == 512 * MIB
    assert memory_available(machine) == (512 - 300 + 50) * MIB


def test_the_lowest_limit_on_the_way_up_counts(machine: Path) -> None:
    write(machine, {"proc/self/mountinfo": V2, "proc/self/cgroup": "0::/slice/service/scope\n"})
    write(
        machine,
        {
            "sys/fs/cgroup/slice/cpu.max": "50000 25000",
            "sys/fs/cgroup/slice/service/cpu.max": "max 100000",
            "sys/fs/cgroup/slice/service/scope/cpu.max": "300000 100000",
            "sys/fs/cgroup/slice/memory.max": f"{3 * 2**30}",
            "sys/fs/cgroup/slice/service/memory.high": f"{2 * 2**30}",
            "sys/fs/cgroup/slice/service/memory.max": "max",
            "sys/fs/cgroup/elsewhere/memory.max": "1",
        },
    )
    assert cores(machine) == 2
    assert memory_limit(machine) == 2 * 2**30


@pytest.mark.parametrize(
    ("root", "group"),
    [
        pytest.param("/", "/", id="in a namespace of its own"),
        pytest.param("/docker/abc", "/docker/abc", id="in the namespace of the machine"),
        pytest.param("/docker/abc", "/", id="with a mount from outside"),
        pytest.param("/", "/../..", id="moved out of its namespace"),
    ],
)
def test_a_container_sees_its_own_limit(machine: Path, root: str, group: str) -> None:
    mount = f"31 23 0:28 {root} /sys/fs/cgroup ro - cgroup2 cgroup rw\n"
    write(machine, {"proc/self/mountinfo": mount, "proc/self/cgroup": f"0::{group}\n"})
    write(machine, {"sys/fs/cgroup/cpu.max": "200000 100000", "sys/fs/cgroup/memory.max": "99"})
    assert cores(machine) == 2
    assert memory_limit(machine) == 99


def test_groups_without_limits_leave_the_machines(machine: Path) -> None:
    write(machine, {"proc/self/mountinfo": V2 + V1_CPU + V1_MEMORY})
    write(machine, {"proc/self/cgroup": "3:memory:/\n2:cpu,cpuacct:/\n1:name=systemd:/\n0::/\n"})
    write(
        machine,
        {
            "sys/fs/cgroup/cpu.max": "max 100000",
            "sys/fs/cgroup/memory.max": "max",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712",
            "sys/fs/cgroup/memory/memory.usage_in_bytes": "0",
        },
    )
    assert cores(machine) == 4
    assert memory_limit(machine) == 8 * 2**30
    assert memory_available(machine) == 6 * 2**30


@pytest.mark.parametrize(("most", "left"), [("max", math.inf), ("100", 30), ("70", 0), ("60", 0)])
def test_a_group_limits_threads(machine: Path, most: str, left: float) -> None:
    write(machine, {"proc/self/mountinfo": V2, "proc/self/cgroup": "0::/\n"})
    write(machine, {"sys/fs/cgroup/pids.current": "70\n", "sys/fs/cgroup/pids.max": f"{most}\n"})
    assert threads_left(machine) == left


def test_a_full_group_has_no_memory_left(machine: Path) -> None:
    write(machine, {"proc/self/mountinfo": V2, "proc/self/cgroup": "0::/\n"})
    write(machine, {"sys/fs/cgroup/memory.max": "100", "sys/fs/cgroup/memory.current": "101"})
    assert memory_available(machine) == 0


def test_a_system_without_proc_has_all_of_its_memory(tmp_path: Path) -> None:
    total = psutil.virtual_memory().total
    assert memory_limit(tmp_path) == memory_available(tmp_path) == pytest.approx(total, rel=0.01)


# Real cgroups, of the version that this machine has. Files of both versions are named; those that
# exist are written.


@pytest.fixture
def limited(request: pytest.FixtureRequest) -> Callable[..., Path]:
    """Makes a group with a controller and the limits given, by the name of their file."""

    def make(controller: str, **limits: str) -> Path:
        top = Path("/sys/fs/cgroup")
        try:
            if (top / "cgroup.subtree_control").exists():
                (top / "cgroup.subtree_control").write_text(f"+{controller}")
            else:
                top /= controller
            folder = top / f"easel-test-{os.getpid()}-{controller}"
            folder.mkdir()
            request.addfinalizer(folder.rmdir)
            files = {f"{controller}.{name}": text for name, text in limits.items()}
            present = {name: text for name, text in files.items() if (folder / name).exists()}
            assert present, f"{folder} has none of {', '.join(files)}"
            write(folder, present)
        except OSError as error:
            pytest.skip(f"this process may not make and limit cgroups: {error}")
        return folder

    return make


def measured(group: Path) -> tuple[float, int, int]:
    """Return the cores, the memory limit and the free memory of a process in the group."""
    code = (
        "from core.runtime.resources import *; import sys; sys.stdin.readline(); "
        "print(cores(), memory_limit(), memory_available())"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as it:
        (group / "cgroup.procs").write_text(str(it.pid))
        answer, _ = it.communicate("go\n")
    found, total, available = answer.split()
    return float(found), int(total), int(available)


def test_a_real_quota_limits_cores(limited: Callable[..., Path]) -> None:
    quota = limited("cpu", max="50000 100000", cfs_quota_us="50000")
    assert measured(quota)[0] == 0.5


def test_a_real_cpuset_limits_cores(limited: Callable[..., Path]) -> None:
    assert measured(limited("cpuset", cpus="0", mems="0"))[0] == 1


def test_a_real_group_limits_memory(limited: Callable[..., Path]) -> None:
    group = limited("memory", max=str(1600 * MIB), limit_in_bytes=str(1600 * MIB))
    _, total, available = measured(group)
    assert total == 1600 * MIB
    assert 1400 * MIB < available < 1600 * MIB
