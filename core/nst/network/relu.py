"""ReLU's gradient where it is asked of features, or of what stands for them."""

from __future__ import annotations

import torch
from torch import Tensor


def passed(y: Tensor) -> Tensor:
    """1 where a ReLU let something pass, else 0, in int8.

    Args:
        y: what it gave, in bfloat16, or in whole numbers that have its order and its zero.
    """
    # A comparison would be far slower.
    return comparable(y).clamp(0, 1).to(torch.int8)


def comparable(y: Tensor) -> Tensor:
    """The same numbers, or whole ones that have their order and are compared faster.

    Args:
        y: of any format; none is below 0.
    """
    return y.view(torch.int16) if y.dtype is torch.bfloat16 else y
