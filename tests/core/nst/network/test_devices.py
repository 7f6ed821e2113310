"""Picking a device, and making CUDA deterministic."""

from __future__ import annotations

import os

import pytest
import torch

from core.nst import limit_threads, pick_device
from core.nst.network import devices
from core.nst.network.devices import keep_few_plans, make_deterministic
from tests.core.nst.examples import CPU

without_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")


def test_a_device_is_picked_by_its_name() -> None:
    assert pick_device("cpu") == CPU


@without_gpu
def test_auto_is_the_cpu_where_there_is_no_gpu() -> None:
    assert pick_device("auto") == CPU


def test_an_unknown_device_is_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match="expected auto, cpu, cuda, cuda:N or mps"):
        pick_device("abacus")


@without_gpu
@pytest.mark.parametrize("name", ["cuda", "cuda:7"])
def test_cuda_without_a_gpu_is_an_error_with_reason_and_remedy(name: str) -> None:
    with pytest.raises(ValueError, match=f"'{name}', but .* cannot use it: .*; use auto or cpu$"):
        pick_device(name)


def test_a_gpu_that_does_not_exist_is_an_error_that_lists_those_that_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(ValueError, match="'cuda:7', but torch finds only cuda:0, cuda:1; use one"):
        pick_device("cuda:7")


@pytest.mark.skipif(torch.backends.mps.is_available(), reason="there is a GPU of a Mac here")
def test_mps_without_a_mac_is_an_error_with_a_remedy() -> None:
    with pytest.raises(ValueError, match="torch finds no GPU of a Mac; use auto or cpu"):
        pick_device("mps")


def test_the_number_of_threads_is_at_most_torchs_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "_MAX_THREADS", 3)
    before = torch.get_num_threads()
    try:
        for most, expected in ((2, 2), (4, 3), (1, 1), (3, 3)):
            limit_threads(most)
            assert torch.get_num_threads() == expected
    finally:
        torch.set_num_threads(before)


def test_cuda_computes_float32_in_full_precision_and_deterministically(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    # Start from the opposite of each setting.
    cudnn.conv.fp32_precision = "tf32"  # type: ignore[attr-defined]
    cudnn.deterministic = False
    matmul.allow_bf16_reduced_precision_reduction = True
    make_deterministic(torch.device("cuda"))
    assert cudnn.conv.fp32_precision == "ieee"  # type: ignore[attr-defined]
    assert cudnn.deterministic
    assert not matmul.allow_bf16_reduced_precision_reduction
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")  # also a deterministic one
    make_deterministic(torch.device("cuda"))
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":16:8"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_few_plans_of_cufft_are_kept() -> None:
    keep_few_plans(torch.device("cuda"))
    for height in range(64, 128):
        torch.fft.rfft2(torch.ones(height, 64, device="cuda"))
    assert torch.backends.cuda.cufft_plan_cache.size <= 32
