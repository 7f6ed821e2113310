"""The first approximation of the inverse Hessian for L-BFGS.

Nocedal and Wright (2006), section 7.2, leave H_0 free; H_0 = gamma I is only the usual choice.
The losses of this method are far steeper in fine detail than in broad strokes, so with gamma I
the broad strokes come last.

Departure: H_0 = gamma P, where P divides each spatial frequency f of the picture by
(f^2 + f_0^2)^(3/8). With it, the same loss takes a fifth fewer steps (bench/attempts.md).
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from core.nst.optimizers.planes import planes

#: In cycles per pixel. All frequencies below it are treated alike.
_F0 = 0.02
_POWER = 0.75


class Preconditioner(Protocol):
    """A symmetric positive definite matrix, given by its product with a vector."""

    def __call__(self, vector: Tensor) -> Tensor:
        """Return the product, of the vector's shape."""
        ...


def identity(vector: Tensor) -> Tensor:
    """P = I."""
    return vector


class Smoothing:
    """P as above, scaled so that its mean over the frequencies is 1.

    Args:
        height, width: of the images to multiply, in pixels.
        device: the device of the images.
    """

    def __init__(self, height: int, width: int, device: torch.device) -> None:
        self._size = (height, width)
        fy = torch.fft.fftfreq(height, device=device).unsqueeze(1)  # (H, 1)
        fx = torch.fft.rfftfreq(width, device=device)  # (W // 2 + 1,)
        factors = (fy**2 + fx**2 + _F0**2) ** (-_POWER / 2)  # (H, W // 2 + 1)
        self._factors = factors / factors.mean()

    def __call__(self, vector: Tensor) -> Tensor:
        """Return P times an image of shape (1, C, H, W)."""
        products = []
        for (part,) in planes(vector):
            spectrum = torch.fft.rfft2(part).mul_(self._factors)
            products.append(torch.fft.irfft2(spectrum, s=self._size))
        return products[0] if len(products) == 1 else torch.cat(products, 1)
