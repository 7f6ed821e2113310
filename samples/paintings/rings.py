"""Squares with concentric rings: an abstract painting in thick bright oil."""

from __future__ import annotations

import numpy as np
from PIL import Image

from samples.brush import DRAWN, Canvas, Floats, Layer, Scene, grid, noise, ramp

COLOURS = (
    "#c8102e", "#f15a24", "#f7a81b", "#ffe066", "#9bc53d", "#2a9d5c", "#0f7c8a", "#2a4fb0",
    "#5b2a86", "#a4278d", "#ef7fa9", "#f4ede0", "#2b1d1a", "#8ecae6",
)  # fmt: skip
COLUMNS, ROWS = 4, 3


def scene(rng: np.random.Generator) -> Scene:
    """Return the colours of the squares and their rings, with strokes along the rings."""
    xs, ys = grid(DRAWN)
    wide, high = DRAWN[0] / COLUMNS, DRAWN[1] / ROWS
    column = np.clip(np.floor((xs + 7.0 * noise(rng, DRAWN, (160, 160), 2)) / wide), 0, COLUMNS - 1)
    row = np.clip(np.floor((ys + 7.0 * noise(rng, DRAWN, (160, 160), 2)) / high), 0, ROWS - 1)
    cell = (row * COLUMNS + column).astype(np.int64)
    count = COLUMNS * ROWS
    shift = rng.uniform(-0.06, 0.06, (count, 2))
    dx = xs - (column + 0.5 + shift[cell, 0]) * wide
    dy = ys - (row + 0.5 + shift[cell, 1]) * high
    turn = np.arctan2(dy, dx)
    wobble = 1.0 + 0.05 * np.sin(3 * turn + cell) + 0.035 * np.sin(5 * turn + 2 * cell)
    radius = np.hypot(dx, dy) * wobble + 5.0 * noise(rng, DRAWN, (60, 60), 2)
    widths = np.cumsum(rng.uniform(0.09, 0.17, (count, 5)), axis=1) * high
    ring = (radius[..., None] > widths[cell]).sum(axis=-1)
    chosen = np.array([rng.permutation(len(COLOURS))[:6] for _ in range(count)])
    tone = chosen[cell, ring] / (len(COLOURS) - 1.0)
    outside = ring == 5
    straight = 0.5 * np.pi * (cell % 2) + 0.12 * noise(rng, DRAWN, (200, 200))
    angles: Floats = np.where(outside, straight, turn + np.pi / 2)
    return Scene(ramp(COLOURS, tone), angles)


def draw(rng: np.random.Generator) -> Image.Image:
    """Draw the picture."""
    squares = scene(rng)
    canvas = Canvas(rng, squares.colours * 0.55)
    for layer in (Layer(22, 26, 80), Layer(15, 15, 52), Layer(17, 8, 44)):
        canvas.cover(squares, layer)
    return canvas.finish(depth=3.0)
