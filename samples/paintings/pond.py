"""Water lilies on a pond: broad level strokes of violet, green and rose."""

from __future__ import annotations

import numpy as np
from PIL import Image

from samples.brush import DRAWN, Canvas, Floats, Layer, Mask, Scene, grid, noise, ramp, streaks

WATER = ("#1d2f4f", "#2c4f70", "#3f7288", "#6f9aa6", "#a7a6cf", "#cdb3d6", "#e8d3dc")
WILLOW = ("#12302a", "#245a3e", "#4f8a4a", "#8fb45a", "#cfd88a")
PADS = ("#1f4a38", "#3a7a4c", "#79a864", "#b7cf8f", "#d9b9c4")
PETALS = ("#c45a7d", "#ec9fb2", "#fbe3e0", "#fff6d8")
# Groups of leaves: x, y, and half the width of the group.
GROUPS = (
    (300, 430, 210), (860, 360, 170), (1080, 640, 230),
    (520, 700, 250), (180, 900, 220), (820, 930, 240),
)  # fmt: skip


def water(rng: np.random.Generator, angles: Floats) -> Floats:
    """Colour the water: the sky between the reflections of willows."""
    xs, ys = grid(DRAWN)
    hanging = noise(rng, DRAWN, (150, 900), 3)
    tone = 0.45 + 0.16 * streaks(rng, angles, 34, 240.0) + 0.15 * np.sin(xs / 240.0 + ys / 330.0)
    colours = ramp(WATER, np.clip(tone + 0.12 * (ys / DRAWN[1] - 0.4), 0, 1))
    green = ramp(WILLOW, np.clip(0.42 + 0.22 * noise(rng, DRAWN, (40, 300), 3), 0, 1))
    share = np.clip(0.5 + 0.9 * hanging - 0.8 * ys / DRAWN[1], 0, 1)[..., None] * 0.85
    mirrored: Floats = colours * (1 - share) + green * share
    return mirrored


def draw(rng: np.random.Generator) -> Image.Image:
    """Draw the picture."""
    xs, ys = grid(DRAWN)
    level = 0.05 * np.sin(xs / 170.0 + ys / 60.0) + 0.07 * noise(rng, DRAWN, (300, 60), 2)
    surface = Scene(water(rng, level), level)
    canvas = Canvas(rng, surface.colours * 0.6)
    for layer in (Layer(30, 40, 150), Layer(20, 20, 120), Layer(22, 10, 90)):
        canvas.cover(surface, layer)
    upright = Scene(surface.colours * 1.08, np.full_like(level, np.pi / 2) + level)
    canvas.cover(upright, Layer(46, 8, 90), ys < 420)
    for x, y, half in GROUPS:
        for _ in range(int(half / 26)):
            at = (x + rng.normal(0, half / 2.2), y + rng.normal(0, half / 7.0))
            size = rng.uniform(34, 66) * (0.7 + 0.5 * y / DRAWN[1])
            distance = np.hypot(xs - at[0], (ys - at[1]) * 2.7) / size
            tone = np.clip(0.35 + 0.3 * rng.random() - (ys - at[1]) / size, 0, 1)
            leaf: Mask = distance < 1.0
            pad = Scene(ramp(PADS, tone), np.arctan2((ys - at[1]) * 2.7, xs - at[0]) + np.pi / 2)
            canvas.cover(pad, Layer(11, 12, 34), leaf)
        for _ in range(int(half / 70)):
            at = (x + rng.normal(0, half / 2.6), y + rng.normal(0, half / 9.0) - 12)
            size = rng.uniform(20, 36) * (0.7 + 0.5 * y / DRAWN[1])
            distance = np.hypot(xs - at[0], (ys - at[1]) * 1.5) / size
            colours = ramp(PETALS, np.clip(1.0 - distance, 0, 1))
            petals = Scene(colours, np.arctan2(ys - at[1], xs - at[0]))
            canvas.cover(petals, Layer(7, 8, 20), distance < 1.0)
    return canvas.finish(depth=3.2)
