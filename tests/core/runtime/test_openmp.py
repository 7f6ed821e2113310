"""Whether the threads of OpenMP spin while they wait."""

from __future__ import annotations

import subprocess
import sys
import threading
from textwrap import dedent

import pytest

from core.runtime.openmp import Spinning, considerate, path_of_libgomp, spins

LINUX = sys.platform == "linux"


@pytest.mark.skipif(not LINUX, reason="PyTorch brings libgomp on Linux")
def test_threads_sleep_while_they_wait_and_spin_again_afterwards() -> None:
    program = """
        import time
        import torch
        from core.runtime.openmp import Spinning

        def seconds_of_cpu():
            before = time.process_time()
            for _ in range(20):
                x.add_(1)  # the second thread has nothing to do until the next round
                time.sleep(0.005)
            return time.process_time() - before

        torch.set_num_threads(2)
        x = torch.ones(200_000)
        seconds_of_cpu()
        spinning = Spinning()
        times = [seconds_of_cpu()]
        spinning.off()
        spinning.off()  # is off already
        times.append(seconds_of_cpu())
        spinning.on()
        times.append(seconds_of_cpu())
        print(*times)
    """
    command = [sys.executable, "-c", dedent(program)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    spinning, asleep, spinning_again = map(float, done.stdout.split())
    assert asleep < spinning / 2
    assert asleep < spinning_again / 2


def test_without_openmp_the_switch_has_no_effect() -> None:
    program = """
        from core.runtime.openmp import Spinning

        spinning = Spinning()
        spinning.off()
        print(spinning.is_on)
    """
    command = [sys.executable, "-c", dedent(program)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "True"


def test_no_idle_threads_are_started_where_few_threads_are_left() -> None:
    program = """
        import threading
        import torch
        from core.runtime.openmp import Spinning

        for left in (3, 10_000):
            spinning = Spinning(lambda: left)
            spinning.off()
            print(spinning.is_on, threading.active_count())
            spinning.on()
    """
    command = [sys.executable, "-c", dedent(program)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.splitlines() == ["True 1", *(["False 2"] if LINUX else ["True 1"])]


def test_the_switch_stays_on_where_no_thread_can_be_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    spinning = Spinning()
    monkeypatch.setattr(threading.Thread, "start", fail)
    if LINUX:
        with pytest.raises(RuntimeError):
            spinning.off()
    assert spinning.is_on
    spinning.on()


def test_libgomp_is_found_in_a_folder_with_a_space() -> None:
    path = "/home/a b/site-packages/torch/lib/libgomp-24e2ab19.so.1.0.0"
    maps = f"7f00-7f01 r--p 0 08:01 42    {path}\n7f01-7f02 r--p 0 08:01 43    /lib/libc.so.6\n"
    assert path_of_libgomp(maps) == path
    assert path_of_libgomp(maps.replace("gomp", "omp")) is None


def test_threads_stop_spinning_when_others_are_busy_and_do_not_flutter() -> None:
    assert spins(True, 0.0)
    assert not spins(True, 1.0)
    assert spins(True, 0.15)
    assert not spins(False, 0.15)
    assert spins(False, 0.0)


def test_other_processes_are_watched_only_during_the_work() -> None:
    watched = threading.Event()

    def others() -> float:
        watched.set()
        return 1.0

    with considerate(others):
        assert watched.wait(30)
    assert not any(thread.name == "spinning" for thread in threading.enumerate())
