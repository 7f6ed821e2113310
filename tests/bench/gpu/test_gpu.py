"""The check of a GPU runs through on a CPU, with a tiny network."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from bench.gpu import paths
from bench.gpu.__main__ import SECTIONS, about, check, run_apart, run_here
from bench.gpu.machine import Machine, complete_rows
from bench.gpu.page import page
from core.nst.weights.files import save_weights
from core.params import Network


@pytest.fixture
def machine(tmp_path: Path, tiny_weights: dict[str, Tensor]) -> Machine:
    save_weights(tiny_weights, tmp_path / Network.TORCHVISION.filename)
    return Machine(torch.device("cpu"), tmp_path, Network.TORCHVISION, sizes=(64,), steps=3)


@pytest.mark.parametrize("name", sorted(SECTIONS))
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
    (row,) = run_apart("paths", 0.1, machine.arguments())
    assert row == {"section": "paths", "failed": "it took more than 0.1 s", "ok": False}


def test_an_error_in_a_section_is_a_row(machine: Machine) -> None:
    missing = Machine(machine.device, machine.weights / "nowhere", machine.network, (64,), 3)
    failed, last = run_here("paths", paths.against_the_cpu, missing)
    assert str(failed["failed"]).startswith("WeightsUnavailable")
    assert (failed["ok"], "seconds" in last) == (False, True)


def test_a_process_that_is_killed_costs_only_the_row_that_it_was_writing() -> None:
    text = 'a library says hello\n{"size": 64}\n{"size": 96}\n{"si'
    assert complete_rows(text) == [{"size": 64}, {"size": 96}]


def test_a_section_that_crashes_leaves_the_others_their_rows(machine: Machine) -> None:
    nowhere = [*machine.arguments()[:2], "--weights", "/nowhere", *machine.arguments()[4:]]
    rows = list(check(["paths", "lost-device"], 20, nowhere))
    assert [row["section"] for row in rows if "failed" in row] == ["paths"]
    assert [row["ok"] for row in rows if row["section"] == "lost-device" and "ok" in row]


def test_the_page_says_whether_a_gpu_was_measured(machine: Machine) -> None:
    row = {"section": "paths", "way": {}, "relative": 0.0012, "ok": False}
    (first,) = ({"section": "machine", **each} for each in about(machine))
    text = page([first, row, {"section": "paths", "seconds": 3.2}])
    assert "no GPU has run Easel yet" in text
    assert "| default | 0.0012 | **no** |" in text
    gpu = {"gpu": "NVIDIA H200", "capability": [9, 0], "memory_mib": 143771, "context_mib": 600}
    text = page([{**first, **gpu}, row])
    assert "no GPU has run" not in text
    assert "Measured on NVIDIA H200 (compute capability 9.0, 143771 MiB)" in text
    text = page([{"section": "machine", "failed": "no device", "ok": False}, row])
    assert "could not be found out: no device" in text
