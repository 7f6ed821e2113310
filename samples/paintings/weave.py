"""A woven carpet: stepped diamonds and stripes in wool dyed red, indigo, ochre and cream."""

from __future__ import annotations

import numpy as np
from PIL import Image

from samples.brush import DRAWN, Floats, grid, lit, noise, ramp

WOOL = ("#7d1420", "#b3282d", "#1d2f5e", "#2f5f8a", "#d29a2e", "#efe2c2", "#1c1a1c", "#5f7a46")
WARP, WEFT = 10.0, 8.0  # the distance of two threads, in pixels


def pattern(columns: Floats, rows: Floats) -> Floats:
    """Return the number of the wool for each knot."""
    middle_x, middle_y = columns.max() / 2.0, rows.max() / 2.0
    across, along = np.abs(columns - middle_x), np.abs(rows - middle_y)
    # The field: three medallions of stepped diamonds.
    tile = np.mod(columns + 22.0, 44.0) - 22.0
    step = np.floor((np.abs(tile) + np.abs(np.mod(rows - middle_y + 21.0, 42.0) - 21.0)) / 3.0)
    field = np.choose(np.mod(step, 9).astype(int), [5, 0, 4, 2, 2, 5, 1, 3, 6])
    hooks = (np.mod(columns + rows, 8) < 2) & (np.mod(columns - rows, 8) < 5)
    field = np.where(hooks & (step > 8), 7, field)
    # The borders: a guard stripe, a row of triangles, and another guard.
    edge = np.minimum(middle_x - across, middle_y - along)
    run = np.where(middle_x - across < middle_y - along, rows, columns)
    teeth = np.where(np.abs(np.mod(run, 12.0) - 6.0) + 5.0 > edge + 1.0, 2, 5)
    crosses = np.where((np.mod(run, 6.0) < 3.0) ^ (np.mod(edge, 4.0) < 2.0), 4, 6)
    knots = np.where(edge < 3, 0, np.where(edge < 11, teeth, np.where(edge < 15, crosses, field)))
    return knots.astype(np.float64)


def draw(rng: np.random.Generator) -> Image.Image:
    """Draw the picture."""
    xs, ys = grid(DRAWN)
    bent_x = xs + 2.2 * noise(rng, DRAWN, (200, 200), 2)
    bent_y = ys + 2.6 * noise(rng, DRAWN, (260, 120), 2)
    columns, rows = np.floor(bent_x / WARP), np.floor(bent_y / WEFT)
    columns, rows = columns - columns.min(), rows - rows.min()
    colours = ramp(WOOL, pattern(columns, rows) / (len(WOOL) - 1.0))
    # Each batch of wool took the dye differently, and each thread is twisted.
    batches = rng.normal(1.0, 0.07, int(rows.max()) + 1)[rows.astype(int)]
    knots = rng.normal(1.0, 0.06, (int(rows.max()) + 1, int(columns.max()) + 1))
    shade = batches * knots[rows.astype(int), columns.astype(int)]
    fibre = 1.0 + 0.06 * noise(rng, DRAWN, (12, 3), 2)
    across = np.mod(bent_x / WARP, 1.0) - 0.5
    along = np.mod(bent_y / WEFT, 1.0) - 0.5
    twist = 0.5 + 0.5 * np.cos(2 * np.pi * (along * 1.5 + across * 0.8))
    height = 0.55 * np.cos(np.pi * across) * np.cos(np.pi * along) + 0.10 * twist
    wool = colours * (shade * fibre * (0.70 + 0.42 * np.cos(np.pi * along)))[..., None]
    return lit(np.clip(wool, 0, 255), height, depth=1.1, gloss=18.0)
