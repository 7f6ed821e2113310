"""Convolutions in bfloat16 with weights packed for the processor, fused with their ReLU."""

from __future__ import annotations

from functools import cached_property

from torch import Tensor

from core.nst.network import private_ops as kernels
from core.nst.network.convolution import PlainConvolution


class PackedConvolution(PlainConvolution):
    """A convolution computed by oneDNN on the CPU.

    Args:
        weight, bias, padding: as for :class:`PlainConvolution`, in bfloat16.
    """

    def _convolve(self, x: Tensor) -> Tensor:
        return kernels.convolve_relu(x, self._packed, self.bias, self.border)

    @cached_property
    def _packed(self) -> Tensor:
        # Without this, oneDNN would reorder the weight in every step.
        return kernels.reorder_weight(self.weight, self.border)
