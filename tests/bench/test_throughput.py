"""The estimate of pictures an hour on larger machines."""

from __future__ import annotations

import pytest

from bench.throughput import pictures_an_hour, serial_part


def test_a_job_that_threads_do_not_speed_up_is_serial_and_one_that_they_halve_is_not() -> None:
    assert serial_part(single=6, all_threads=6, threads=2) == 1
    assert serial_part(single=6, all_threads=3, threads=2) == 0
    assert serial_part(single=6, all_threads=4.5, threads=2) == pytest.approx(0.5)


def test_workers_of_one_thread_leave_no_core_idle_and_one_worker_does() -> None:
    # Half of a job of 10 s is serial: one worker with 4 threads takes 5 + 5 / 4 s.
    assert pictures_an_hour(cores=4, workers=1, single=10, serial=0.5) == 3600 / 6.25
    assert pictures_an_hour(cores=4, workers=4, single=10, serial=0.5) == 4 * 360
