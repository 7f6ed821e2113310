"""Poppies and cornflowers in watercolour: wet washes with dark rims on rough paper."""

from __future__ import annotations

import numpy as np
from PIL import Image

from samples.brush import DRAWN, Floats, grid, noise, smoothstep

# Pigments, by the light that they absorb in red, green and blue.
POPPIES = ((0.10, 0.95, 0.92), (0.06, 0.72, 0.90), (0.16, 0.92, 0.55))
CORNFLOWERS = ((0.85, 0.62, 0.10), (0.72, 0.75, 0.12), (0.55, 0.30, 0.06))
LEAVES = ((0.72, 0.30, 0.82), (0.80, 0.42, 0.60), (0.48, 0.22, 0.80))
SKY = ((0.42, 0.20, 0.06), (0.10, 0.16, 0.32), (0.20, 0.30, 0.14))


class Wash:
    """Paper that takes one wash after another; each absorbs light."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._xs, self._ys = grid(DRAWN)
        self._density = np.zeros((DRAWN[1], DRAWN[0], 3))
        self._grain = noise(rng, DRAWN, (5, 5), 2)

    def lay(self, shape: Floats, soft: float, pigment: tuple[float, ...], load: float) -> None:
        """Lay a wash where `shape` is below 1; it dries with a rim, unless it is soft."""
        ragged = shape + 0.06 * noise(self._rng, DRAWN, (70, 70), 4)
        inside = smoothstep(1.0 + soft, 1.0 - soft, ragged)
        rim = np.exp(-(((ragged - 0.97) / 0.028) ** 2)) * (0.6 if soft < 0.1 else 0.0)
        pool = 0.75 + 0.3 * noise(self._rng, DRAWN, (120, 120), 3)
        settled = 1.0 + 0.16 * self._grain
        amount = load * (inside * np.clip(pool, 0.15, 1.6) + rim) * settled
        self._density += amount[..., None] * np.array(pigment)

    def disc(self, x: float, y: float, wide: float, high: float, turn: float = 0.0) -> Floats:
        """Return the distance from an ellipse: 1 on its line."""
        dx, dy = self._xs - x, self._ys - y
        along = dx * np.cos(turn) + dy * np.sin(turn)
        across = dy * np.cos(turn) - dx * np.sin(turn)
        distance: Floats = np.hypot(along / wide, across / high)
        return distance

    def finish(self) -> Image.Image:
        """Return the painting on its paper, lit from the side."""
        slope_y, slope_x = np.gradient(self._grain)
        slope = np.asarray(slope_x + slope_y)
        light = 1.0 + 0.07 * np.clip(slope, -1.0, 1.0)
        paper = np.array((252.0, 249.0, 241.0)) * light[..., None]
        return Image.fromarray(np.clip(paper * np.exp(-self._density), 0, 255).astype(np.uint8))


def flower(rng: np.random.Generator, wash: Wash, x: float, y: float, size: float) -> None:
    """Paint a poppy or a cornflower from overlapping petals."""
    poppy = rng.random() < 0.58
    pigments = POPPIES if poppy else CORNFLOWERS
    count = 5 if poppy else 9
    for petal in range(count):
        turn = 2 * np.pi * petal / count + rng.uniform(-0.3, 0.3)
        reach = size * (0.52 if poppy else 0.62)
        wide, high = (size * 0.62, size * 0.5) if poppy else (size * 0.46, size * 0.17)
        at = (x + reach * np.cos(turn), y + 0.8 * reach * np.sin(turn))
        shape = wash.disc(*at, wide, high, turn)
        wash.lay(shape, 0.03, pigments[rng.integers(3)], rng.uniform(0.38, 0.72))
    wash.lay(wash.disc(x, y, size * 0.2, size * 0.17), 0.12, (0.9, 0.95, 0.8), 1.3)


def draw(rng: np.random.Generator) -> Image.Image:
    """Draw the picture."""
    wash = Wash(rng)
    for _ in range(7):  # wet in wet: the sky and the meadow
        x, y = rng.uniform(0, DRAWN[0]), rng.uniform(0, 560)
        cloud = wash.disc(x, y, rng.uniform(240, 460), rng.uniform(120, 230))
        wash.lay(cloud, 0.5, SKY[rng.integers(3)], 0.42)
    for _ in range(6):
        x, y = rng.uniform(0, DRAWN[0]), rng.uniform(720, 1040)
        meadow = wash.disc(x, y, rng.uniform(260, 460), rng.uniform(90, 190))
        wash.lay(meadow, 0.4, LEAVES[rng.integers(3)], 0.5)
    for _ in range(26):  # stems and leaves
        x, y = rng.uniform(20, DRAWN[0] - 20), rng.uniform(640, 1000)
        long, wide = rng.uniform(130, 290), rng.uniform(7, 26)
        stem = wash.disc(x, y, long, wide, rng.uniform(1.2, 1.95))
        wash.lay(stem, 0.04, LEAVES[rng.integers(3)], rng.uniform(0.5, 0.95))
    for x, y, size in (
        (300, 380, 150), (830, 300, 175), (1090, 520, 130), (560, 580, 140), (150, 660, 105),
        (900, 700, 110), (420, 190, 80), (1150, 190, 90), (680, 160, 70), (330, 800, 90),
    ):  # fmt: skip
        flower(rng, wash, x, y, size)
    return wash.finish()
