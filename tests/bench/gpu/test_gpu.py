"""The check of a GPU runs through on a CPU, with a tiny network."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from bench.gpu import faults, paths
from bench.gpu.__main__ import SECTIONS, about, run_apart, run_here
from bench.gpu.machine import Machine
from bench.gpu.page import page
from core.nst.weights.files import save_weights
from core.params import Network


@pytest.fixture
def machine(tmp_path: Path, tiny_weights: dict[str, Tensor]) -> Machine:
    save_weights(tiny_weights, tmp_path / Network.TORCHVISION.filename)
    return Machine(torch.device("cpu"), tmp_path, Network.TORCHVISION, sizes=(64,), steps=3)


@pytest.mark.parametrize("name", sorted(set(SECTIONS) - {"processes", "loop"}))
def test_a_section_runs_through_on_a_cpu_and_finds_nothing_wrong(
    name: str, machine: Machine
) -> None:
    section, _ = SECTIONS[name]
    *rows, last = run_here(name, section, machine)
    assert "seconds" in last
    assert rows
    assert [row for row in rows if not row.get("ok", True)] == []


def test_the_sections_fit_into_eight_minutes() -> None:
    assert sum(limit for _, limit in SECTIONS.values()) <= 480


def test_a_section_that_takes_too_long_is_ended_and_says_so(machine: Machine) -> None:
    (row,) = run_apart("paths", 0.1, machine)
    assert row == {"section": "paths", "failed": "it took more than 0.1 s", "ok": False}


def test_an_error_in_a_section_is_a_row(machine: Machine) -> None:
    missing = Machine(machine.device, machine.weights / "nowhere", machine.network, (64,), 3)
    failed, last = run_here("paths", paths.against_the_cpu, missing)
    assert str(failed["failed"]).startswith("WeightsUnavailable")
    assert (failed["ok"], "seconds" in last) == (False, True)


def test_the_rate_is_measured_after_a_first_job(machine: Machine) -> None:
    (row,) = faults.rate(machine)
    assert float(str(row["began"])) < float(str(row["ended"]))


def test_the_page_says_whether_a_gpu_was_measured(machine: Machine) -> None:
    row = {"section": "paths", "way": {}, "relative": 0.0012, "ok": False}
    text = page([about(machine), row, {"section": "paths", "seconds": 3.2}])
    assert "no GPU has run Easel yet" in text
    assert "| default | 0.0012 | **no** |" in text
    gpu = {"gpu": "NVIDIA H200", "capability": [9, 0], "memory_mib": 143771}
    text = page([{**about(machine), **gpu}, row])
    assert "no GPU has run" not in text
    assert "Measured on NVIDIA H200 (compute capability 9.0, 143771 MiB)" in text
