"""Number formats: which one a device computes fastest in, and the convolutions for each."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass

import torch
from torch import Tensor

from core.nst.network.convolution import Convolution, PlainConvolution
from core.nst.network.devices import BFLOAT16_UNITS, cpu_capabilities
from core.nst.network.int8 import Int8BackwardConvolution
from core.nst.network.packed_convolution import PackedConvolution
from core.params import LAYERS, Layer, Padding, Pooling, Precision

#: Factors on the weights after each average pool. They give the layer the mean activation that it
#: has with max pooling, for which the weights are normalised. Measured over seven pictures at 256
#: and 512 pixels. Departure: the paper does not say how it compensated for this.
AVERAGE_POOL_FACTORS = {"conv2_1": 1.21, "conv3_1": 1.36, "conv4_1": 1.31, "conv5_1": 1.91}


@dataclass(frozen=True)
class NumberFormat:
    """What the network computes in."""

    #: Of features and gradients between the convolutions.
    dtype: torch.dtype
    #: Whether 8 bits are used at all; see ``core.nst.network.int8``. In bfloat16, all backward
    #: passes use them, and features in the phases that allow it. In float32, a phase that allows
    #: it computes as ``INT8`` does, and the others do not use them.
    int8: bool = False
    #: The cost of a step that uses 8 bits for features, relative to other steps.
    int8_cost: float = 1.0
    #: The relative difference seen between two evaluations of nearly the same picture.
    noise: float = 0.0


FLOAT32 = NumberFormat(torch.float32)
BFLOAT16 = NumberFormat(torch.bfloat16, noise=3e-4)
INT8 = NumberFormat(torch.bfloat16, int8=True, int8_cost=0.78, noise=3e-3)
#: For CPUs that are fast at 8 bits and slow at bfloat16.
INT8_AND_FLOAT32 = NumberFormat(torch.float32, int8=True, int8_cost=0.55, noise=3e-3)


def pick_format(precision: Precision, device: torch.device) -> NumberFormat:
    """Return the number format for a precision; ``auto`` is the fastest the device has units for.

    Departure: steps are computed in bfloat16 or 8 bits where that is fast. Targets and the
    losses of the result are computed in float32. Only CPUs compute in 8 bits; a GPU uses
    bfloat16 instead. The GPU of a Mac computes in float32.
    """
    if device.type == "mps":
        return FLOAT32
    if device.type == "cuda":
        return on_cuda(precision, torch.cuda.get_device_capability(device))
    return on_cpu(precision, cpu_capabilities())


def fallback_warning(precision: Precision, device: torch.device) -> str | None:
    """Return a sentence for the caller if float32 replaces bfloat16, or 8 bits on a GPU; or None.

    On a CPU, ``int8`` is a wish: without the units for it, it means ``auto``.
    """
    wished = {Precision.BFLOAT16} if device.type == "cpu" else {Precision.BFLOAT16, Precision.INT8}
    if precision not in wished or pick_format(precision, device) is not FLOAT32:
        return None
    return (
        f"precision: the device ({device}) has no bfloat16 units that Easel can use; "
        "float32 is used instead"
    )


def on_cuda(precision: Precision, capability: tuple[int, int]) -> NumberFormat:
    """Return the number format that a GPU of NVIDIA computes in.

    Args:
        precision: the request. Every value but ``float32`` means ``bfloat16`` on a GPU with units
            for it, and ``float32`` on others, which would emulate bfloat16.
        capability: the compute capability. Ampere (8.0) was the first with these units.
    """
    has_bfloat16 = capability >= (8, 0)
    return BFLOAT16 if has_bfloat16 and precision is not Precision.FLOAT32 else FLOAT32


def on_cpu(precision: Precision, capabilities: Set[str]) -> NumberFormat:
    """Return the number format that a CPU computes in.

    Args:
        precision: the request. ``int8`` means ``auto`` on a CPU without units for exact sums of
            8-bit products: sums would saturate at 16 bits and be wrong. ``bfloat16`` means
            ``float32`` on a CPU without units for it: emulating it would take longer.
        capabilities: see :func:`cpu_capabilities`.
    """
    exact_sums = {"onednn", "avx512_vnni"} <= capabilities
    has_bfloat16 = bool(BFLOAT16_UNITS & capabilities)
    match precision:
        case Precision.FLOAT32:
            return FLOAT32
        case Precision.INT8 | Precision.AUTO if exact_sums:
            return INT8 if has_bfloat16 else INT8_AND_FLOAT32
        case Precision.BFLOAT16 | Precision.INT8 | Precision.AUTO:
            return BFLOAT16 if has_bfloat16 else FLOAT32


def make_convolutions(
    weights: Mapping[str, Tensor],
    device: torch.device,
    number_format: NumberFormat,
    pooling: Pooling,
    padding: Padding,
) -> dict[Layer, Convolution]:
    """Return the convolution of every layer; arguments as for ``VGG19``."""
    convolutions: dict[Layer, Convolution] = {}
    for layer in LAYERS:
        weight, bias = weights[f"{layer}.weight"], weights[f"{layer}.bias"]
        if pooling is Pooling.AVERAGE:
            weight = weight * AVERAGE_POOL_FACTORS.get(layer, 1)
        weight = weight.to(device, number_format.dtype, memory_format=torch.channels_last)
        bias = bias.to(device, number_format.dtype)
        convolutions[layer] = _kind(layer, number_format)(weight, bias, padding)
    return convolutions


def _kind(layer: Layer, number_format: NumberFormat) -> type[PlainConvolution]:
    if not number_format.int8 or number_format.dtype is not torch.bfloat16:
        return PlainConvolution
    # The first layer's backward pass gives the gradient that the optimiser sees, which is not
    # quantised once more.
    return PackedConvolution if layer == LAYERS[0] else Int8BackwardConvolution
