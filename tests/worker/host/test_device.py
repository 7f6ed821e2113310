"""Devices that torch cannot use, and other reasons for which a worker does not start."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from core.params import Network
from core.settings.model import Settings
from tests.service.servers import PATIENCE_SECONDS, ROOT
from worker.host.device import check_device, device_of


def run_worker(**environment: str) -> subprocess.CompletedProcess[str]:
    """Run a worker to its end."""
    return subprocess.run(
        [sys.executable, "-m", "worker"],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )


@pytest.mark.parametrize("name", ["auto", "cpu"])
def test_a_device_that_needs_no_gpu_is_not_tried(
    name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    check_device(Settings(device=name))
    assert capfd.readouterr() == ("", "")
    assert device_of(Settings(device=name)).type in ("cpu", "cuda")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_worker_without_its_device_ends_with_one_line() -> None:
    ended = run_worker(EASEL_DEVICE="cuda:1")
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert line.startswith("easel: EASEL_DEVICE: device is 'cuda:1', but torch cannot use it: ")
    assert line.endswith("; use auto or cpu")


def test_a_worker_whose_process_cannot_start_ends_and_says_why(
    valkey_url: str, tmp_path: Path
) -> None:
    (tmp_path / Network.NORMALIZED.filename).mkdir()  # Docker makes one for a missing file
    ended = run_worker(EASEL_REDIS_URL=valkey_url, EASEL_WEIGHTS_DIR=str(tmp_path))
    assert "worker cannot start; stopping" in ended.stderr
    assert "worker ready" not in ended.stderr
