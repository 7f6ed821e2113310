"""What an error of the device means: no memory, a lost device, or a step that cannot be recorded.

CUDA reports most errors as texts. After one that is not about memory, such as an illegal address
or an ECC error, the CUDA context of the process is lost: every later call fails, and only another
process can use the device again ("sticky errors" in the CUDA Runtime API's "Error Handling").
"""

from __future__ import annotations

import torch

#: Parts of the texts of errors for which torch has no class of its own: of the host, of a Mac, and
#: of CUDA's libraries. The last is torch's own: it fails while it describes a lack of memory.
_OUT_OF_MEMORY = (
    "allocate memory",
    "std::bad_alloc",
    "MPS backend out of memory",
    "CUDA error: out of memory",
    "CUDA driver error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "ALLOCATION_FAILED",  # CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED, and HOST
    "CUFFT_ALLOC_FAILED",
    "NVML_SUCCESS == ",
)

#: The whole text of the error when oneDNN has no memory for the code of a convolution on a CPU. One
#: that it does not support fails earlier: "could not create a primitive descriptor for ...".
_NO_MEMORY_FOR_CODE = "could not create a primitive"

#: With what an error of CUDA, of its driver, or of one of its libraries begins.
_DEVICE = ("CUDA error:", "CUDA driver error:", "cuDNN error:", "cuFFT error:", "cuBLAS error:")

#: Errors of a recording. They leave the context intact.
_RECORDING = ("captur", "CUDA graph", "cudaGraph")


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether the error means that the device or the host ran out of memory."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    if not isinstance(error, RuntimeError):
        return False
    text = str(error)
    return text == _NO_MEMORY_FOR_CODE or any(part in text for part in _OUT_OF_MEMORY)


def is_device_lost(error: BaseException) -> bool:
    """Return whether this process can no longer use its device."""
    if not isinstance(error, RuntimeError) or is_out_of_memory(error) or cannot_record(error):
        return False
    return isinstance(error, torch.AcceleratorError) or any(part in str(error) for part in _DEVICE)


def cannot_record(error: BaseException) -> bool:
    """Return whether the error means that a step cannot be recorded as a CUDA graph."""
    return isinstance(error, RuntimeError) and any(part in str(error) for part in _RECORDING)
