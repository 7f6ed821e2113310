"""Convolutions in bfloat16 with weights packed for the processor, fused with their ReLU."""

from __future__ import annotations

from functools import cached_property

from torch import Tensor

from core.nst.network import private_ops as kernels
from core.nst.network.convolution import PlainConvolution
from core.nst.network.devices import multipliable
from core.nst.network.pooling import Pool


class PackedConvolution(PlainConvolution):
    """A convolution computed by oneDNN on the CPU.

    Its backward pass returns float32 on CPUs that are slow at bfloat16.

    Args:
        weight, bias, padding: as for :class:`PlainConvolution`, in bfloat16.
    """

    def _convolve(self, x: Tensor) -> Tensor:
        return kernels.convolve_relu(x, self._packed, self.bias, self.border)

    def _convolve_backward(self, gradient: Tensor, y: Tensor, pool: Pool | None) -> Tensor:
        if pool is not None:
            gradient = pool.backward(gradient, y)
        gradient = multipliable(kernels.relu_backward(gradient, y))
        return kernels.convolution_backward(gradient, self._multipliable_weight, self.border)

    @cached_property
    def _multipliable_weight(self) -> Tensor:
        return multipliable(self.weight)

    @cached_property
    def _packed(self) -> Tensor:
        # Without this, oneDNN would reorder the weight in every step.
        return kernels.reorder_weight(self.weight, self.border)
