"""The two-loop recursion: Nocedal and Wright (2006), algorithm 7.4, around a given H_0."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from core.nst.optimizers.planes import add_scaled, dot, multiply
from core.nst.optimizers.preconditioner import Preconditioner

#: A pair (s, y, rho): a change of the image, that of the gradient, and 1 / (s . y).
Pair = tuple[Tensor, Tensor, Tensor]


def first_loop(q: Tensor, pairs: Sequence[Pair]) -> list[Tensor]:
    """Make the vector that H_0 is multiplied with, in place, and return alpha of every pair.

    A pair of zeros changes nothing.

    Args:
        q: the gradient, shape (1, C, H, W).
        pairs: oldest first.
    """
    alphas = []
    for s, y, rho in reversed(pairs):
        alpha = rho * dot(q, s)
        add_scaled(q, -alpha, y)
        alphas.append(alpha)
    return alphas[::-1]


def second_loop(q: Tensor, pairs: Sequence[Pair], alphas: Sequence[Tensor]) -> None:
    """Make H times the gradient, in place.

    Args:
        q: H_0 times the result of the first loop.
        pairs: oldest first.
        alphas: from the first loop.
    """
    for (s, y, rho), alpha in zip(pairs, alphas, strict=True):
        add_scaled(q, alpha - rho * dot(q, y), s)


def inverse_gamma(newest: Pair, D: Tensor, precondition: Preconditioner) -> Tensor:
    """Return 1 / gamma of eq. 7.20, where H_0 = gamma D P D. Overwrites D."""
    _, y, rho = newest
    z = multiply(D, y)
    return rho * dot(z, precondition(z))
