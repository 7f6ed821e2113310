"""The steps of L-BFGS on the device."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from core.nst.optimizers.curvature import Curvature, means_of
from core.nst.optimizers.device_steps import DeviceSteps, write_where
from core.nst.optimizers.lbfgs import LBFGS, blocked_pixels
from core.nst.optimizers.planes import dot
from core.nst.optimizers.point import Evaluate, Point
from core.nst.optimizers.two_loop import Pair, first_loop, inverse_gamma, second_loop


class DeviceLBFGS(DeviceSteps):
    """Makes the steps of an :class:`core.nst.optimizers.lbfgs.LBFGS`, with the same numbers.

    A trial is one evaluation of the line search. If it is refused, the next one computes the same
    direction again and tries a shorter length.

    Args:
        lbfgs: the optimiser.
        start: as for :class:`core.nst.optimizers.device_steps.DeviceSteps`.
    """

    def __init__(self, lbfgs: LBFGS, start: Point) -> None:
        super().__init__(start)
        image = start.image
        self._lbfgs = lbfgs
        self._places = lbfgs.history(image[0, 0].numel())
        #: A ring of pairs. Empty places are zeros.
        self._s = image.new_zeros(self._places, *image.shape)
        self._y = torch.zeros_like(self._s)
        self._rho = image.new_zeros(self._places)
        #: The place of the newest pair, and the number of pairs.
        self._newest = self._zero(torch.int64)
        self._count = self._zero(torch.int64)
        self._means = torch.ones_like(means_of(image, image))
        self._has_means = self._zero(torch.bool)
        self._learning_rate = self._zero(torch.float64)
        #: The line search of the current step: refused trials, the length to try, and the loss
        #: that was not finite, if that of the last trial downhill was not.
        self._refused = self._zero(torch.int64)
        self._length = self._zero(torch.float64)
        self._is_bad = self._zero(torch.bool)
        self._bad_terms = torch.zeros_like(self._terms)
        self._converged = self._zero(torch.bool)

    def trial(self, evaluate: Evaluate) -> tuple[Tensor, Tensor]:
        """Make one trial of the line search if steps are left to make."""
        x, g, first = self._image, self._gradient, self._refused == 0
        direction = self._direction()
        downhill = dot(direction, g)
        length = torch.where(first, self._first_length(direction), self._length)
        image = x.addcmul(length.to(x.dtype), direction)
        reached = evaluate(image.clamp_(*self._lbfgs.bounds))
        s, y, terms = reached.image - x, reached.gradient - g, torch.stack(reached.loss)

        slope, start, total, expected, sy, yy = torch.stack(
            [downhill, self._terms[0], terms[0], dot(g, s), dot(s, y), dot(y, y)]
        ).double()
        active = self._is_active() & ~self._converged
        falls = (slope < 0) & (expected < 0)
        noise = self._lbfgs.loss_noise * start.abs()
        low = total <= start + noise + LBFGS.SUFFICIENT * expected
        accepted = active & falls & low
        refused = torch.where(accepted, 0, self._refused + 1)
        spent = active & ~accepted & (~(slope < 0) | (refused >= LBFGS.MAX_TRIALS))
        forgets = spent & (self._count > 0)
        stops = spent & (self._count == 0)
        is_bad = torch.where(falls, ~torch.isfinite(total), self._is_bad & ~first)

        # Everything above reads the state, and everything below writes it.
        write_where(self._bad_terms, falls, terms)
        self._remember(accepted & (sy > LBFGS.LEAST_CURVATURE * yy), s, y)
        self._move(accepted, reached.image, terms, reached.gradient)
        write_where(self._terms, stops & is_bad, self._bad_terms)
        write_where(self._count, forgets, 0)
        write_where(self._rho, forgets, 0)
        write_where(self._converged, stops & ~is_bad, stops)
        write_where(self._is_bad, active, is_bad)
        write_where(self._refused, active, torch.where(spent, 0, refused))
        write_where(self._length, active, length * _shrink(start, expected, total))
        self._steps.add_(accepted | stops)
        return reached.loss.total, reached.gradient

    def has_ended_at(self, point: Point) -> bool:
        """Return whether no step from the point reduced the loss."""
        return self._lbfgs.is_converged(point)

    def _pairs(self) -> list[Pair]:
        """Return the places of the ring as pairs, oldest first."""
        after_newest = self._newest + 1 + torch.arange(self._places, device=self._s.device)
        places = (after_newest % self._places).unsqueeze(1).unbind()

        # Each in memory of its own, as LBFGS has them: sums depend on the alignment.
        def at(ring: Tensor, place: Tensor) -> Tensor:
            return ring.index_select(0, place)[0]

        return [(at(self._s, each), at(self._y, each), at(self._rho, each)) for each in places]

    def _direction(self) -> Tensor:
        """-H g for the pixels that are free."""
        lbfgs, pairs = self._lbfgs, self._pairs()
        blocked = blocked_pixels(self._image, self._gradient, lbfgs.bounds)
        q = self._gradient.masked_fill(blocked, 0)
        alphas = first_loop(q, pairs)
        D = Curvature(self._means).inverse_root(*q.shape[2:])
        D = torch.where(self._has_means, D, 1.0)
        q = lbfgs.precondition(q.mul_(D)).mul_(D)
        scale = inverse_gamma(pairs[-1], D, lbfgs.precondition)
        q.div_(torch.where(self._count > 0, scale, 1.0))
        second_loop(q, pairs, alphas)
        return q.neg_().masked_fill_(blocked, 0)

    def _first_length(self, direction: Tensor) -> Tensor:
        """The step length that is tried first, in float64."""
        change = direction.square().mean().sqrt().double()
        least = torch.finfo().tiny
        unknown = self._learning_rate * LBFGS.FIRST_CHANGE / change.clamp_min(least)
        return torch.where(self._count > 0, self._learning_rate, unknown)

    def _remember(self, condition: Tensor, s: Tensor, y: Tensor) -> None:
        """Add a pair where a condition holds."""
        place = torch.where(condition, (self._newest + 1) % self._places, self._newest)
        index = place.view(1)
        for ring, value in ((self._s, s), (self._y, y), (self._rho, 1 / dot(s, y))):
            old = ring.index_select(0, index)
            ring.index_copy_(0, index, torch.where(condition, value.unsqueeze(0), old))
        latest = means_of(s, y)
        known = Curvature(self._means).with_means(latest).means
        assert known is not None  # there were means
        write_where(self._means, condition, torch.where(self._has_means, known, latest))
        write_where(self._has_means, condition, condition)
        write_where(self._newest, condition, place)
        write_where(self._count, condition, (self._count + 1).clamp_max(self._places))

    def _load(self) -> None:
        state = self._lbfgs.state()
        count = sum(name.endswith(".rho") for name in state)
        for ring, name in ((self._s, "s"), (self._y, "y"), (self._rho, "rho")):
            ring.zero_()
            for place in range(count):
                ring[place].copy_(state[f"lbfgs.{place}.{name}"])
        self._newest.fill_(count - 1 if count else self._places - 1)
        self._count.fill_(count)
        means = state.get("lbfgs.curvature")
        self._has_means.fill_(means is not None)
        self._means.copy_(torch.ones_like(self._means) if means is None else means)
        self._learning_rate.copy_(state["lbfgs.learning_rate"])
        for flag in (self._refused, self._is_bad, self._converged):
            flag.zero_()

    def _save(self, point: Point, progress: Sequence[int]) -> None:
        newest, count, has_means, converged = progress
        state = {"lbfgs.learning_rate": self._lbfgs.state()["lbfgs.learning_rate"]}
        if has_means:
            state["lbfgs.curvature"] = self._means.clone()
        for number in range(count):
            place = (newest + 1 - count + number) % self._places
            state[f"lbfgs.{number}.s"] = self._s[place].clone()
            state[f"lbfgs.{number}.y"] = self._y[place].clone()
            state[f"lbfgs.{number}.rho"] = self._rho[place].clone()
        self._lbfgs.restore(state)
        if converged:
            self._lbfgs.stop_at(point)

    def ended(self) -> Tensor:
        return super().ended() | self._converged

    def _progress(self) -> Sequence[Tensor]:
        return (self._newest, self._count, self._has_means, self._converged)


def _shrink(start: Tensor, expected: Tensor, reached: Tensor) -> Tensor:
    """The factor of the line search in ``LBFGS``, without branches."""
    curvature = reached - start - expected
    parabola = (-expected / (2 * curvature)).clamp(0.1, 0.5)
    finite = torch.where(curvature > 0, parabola, 0.5)
    return torch.where(torch.isfinite(reached), finite, 0.1)
