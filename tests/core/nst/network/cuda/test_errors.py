"""What the errors of a device mean, by the texts that torch 2.15 and CUDA 13 give them."""

from __future__ import annotations

import pytest
import torch

from core.nst.network.cuda.errors import cannot_record, is_device_lost, is_out_of_memory

NO_MEMORY = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has ..."),
    torch.AcceleratorError("CUDA error: out of memory\nSearch for `cudaErrorMemoryAllocation' in"),
    RuntimeError("CUDA driver error: out of memory"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"),
    RuntimeError("cuFFT error: CUFFT_ALLOC_FAILED"),
    RuntimeError("NVML_SUCCESS == r INTERNAL ASSERT FAILED at CUDACachingAllocator.cpp"),
    RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"),
    RuntimeError("could not create a primitive"),
    RuntimeError("std::bad_alloc"),
    RuntimeError("MPS backend out of memory (MPS allocated: 9.05 GB)"),
    MemoryError(),
]

LOST = [
    torch.AcceleratorError("CUDA error: an illegal memory access was encountered"),
    torch.AcceleratorError("CUDA error: uncorrectable ECC error encountered"),
    torch.AcceleratorError("CUDA error: device-side assert triggered"),
    torch.AcceleratorError("CUDA error: no kernel image is available for execution on the device"),
    RuntimeError("CUDA error: unspecified launch failure"),
    RuntimeError("CUDA driver error: device not ready"),
    RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasGemmEx(...)`"),
    RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
    RuntimeError("cuFFT error: CUFFT_EXEC_FAILED"),
]

NOT_RECORDED = [
    torch.AcceleratorError("CUDA error: operation not permitted when stream is capturing"),
    torch.AcceleratorError("CUDA error: operation failed due to a previous error during capture"),
    RuntimeError("Cannot prepare for replay during capturing stage"),
]

OTHERS = [
    RuntimeError("The size of tensor a (3) must match the size of tensor b (4)"),
    RuntimeError("could not create a primitive descriptor for the convolution forward propagation"),
    ValueError("CUDA error: an illegal memory access was encountered"),
    OSError(5, "Input/output error"),
]


@pytest.mark.parametrize("error", NO_MEMORY, ids=str)
def test_a_lack_of_memory_is_not_a_lost_device(error: Exception) -> None:
    assert is_out_of_memory(error)
    assert not is_device_lost(error)


@pytest.mark.parametrize("error", LOST, ids=str)
def test_any_other_error_of_cuda_means_that_the_device_is_lost(error: Exception) -> None:
    assert is_device_lost(error)
    assert not is_out_of_memory(error)
    assert not cannot_record(error)


@pytest.mark.parametrize("error", NOT_RECORDED, ids=str)
def test_a_step_that_cannot_be_recorded_leaves_the_device_usable(error: Exception) -> None:
    assert cannot_record(error)
    assert not is_device_lost(error)


@pytest.mark.parametrize("error", OTHERS, ids=str)
def test_other_errors_are_not_about_the_device(error: Exception) -> None:
    meanings = (is_out_of_memory, is_device_lost, cannot_record)
    assert not any(meaning(error) for meaning in meanings)
