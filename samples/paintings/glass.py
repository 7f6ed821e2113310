"""A rose window: panes of glowing glass between lines of lead."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter

from samples.brush import DRAWN, Floats, grid, lit, mix, noise, ramp

GLASS = (
    "#0b2a6b", "#1d56b8", "#2f93d6", "#0f6b5a", "#2f9e63", "#b4171f",
    "#d9442a", "#e98a1e", "#f5c733", "#7a2a8c", "#c23a78", "#efe0a8",
)  # fmt: skip
LEAD = np.array((17.0, 16.0, 20.0))
CENTRE = (640.0, 512.0)
# The rings of the rose: outer radius, number of panes, and how far they bulge outwards.
RINGS = ((62.0, 1, 0.0), (150.0, 8, 22.0), (252.0, 16, 30.0), (348.0, 16, -24.0), (470.0, 24, 34.0))


def bulge(turn: Floats, ring: int) -> Floats:
    """Return the radius at which a ring ends: its panes bulge outwards or inwards."""
    outer, count, height = RINGS[ring]
    return outer + height * (0.5 - np.abs(np.mod(place(turn, ring), 1.0) - 0.5) * 2.0) * (count > 1)


def place(turn: Floats, ring: int) -> Floats:
    """Return the place on a ring, counted in panes. Every second ring begins half a pane later."""
    return turn * RINGS[ring][1] + 0.5 * (ring % 2)


def panes() -> Floats:
    """Return the number of the pane at every pixel."""
    xs, ys = grid(DRAWN)
    dx, dy = xs - CENTRE[0], ys - CENTRE[1]
    radius, turn = np.hypot(dx, dy), np.arctan2(dy, dx) / (2 * np.pi)
    # Outside the rose: a lattice of diamonds.
    pane: Floats = 1000.0 + np.floor((xs + ys) / 96.0) * 37.0 + np.floor((xs - ys) / 96.0)
    number = float(sum(count for _, count, _ in RINGS))
    for ring in reversed(range(len(RINGS))):
        count = RINGS[ring][1]
        number -= count
        here = number + np.mod(np.floor(place(turn, ring)), count)
        pane = np.where(radius < bulge(turn, ring), here, pane)
    return pane


def draw(rng: np.random.Generator) -> Image.Image:
    """Draw the picture."""
    pane = panes()
    edges = np.zeros(pane.shape, dtype=np.uint8)
    edges[:, 1:] |= (pane[:, 1:] != pane[:, :-1]).astype(np.uint8) * 255
    edges[1:] |= (pane[1:] != pane[:-1]).astype(np.uint8) * 255
    thick = Image.fromarray(edges).filter(ImageFilter.MaxFilter(11))
    lead = np.asarray(thick.filter(ImageFilter.GaussianBlur(1.6)), dtype=np.float64) / 255.0
    far = np.asarray(thick.filter(ImageFilter.GaussianBlur(26)), dtype=np.float64) / 255.0
    number = pane.astype(np.int64)
    choice = rng.integers(0, len(GLASS), 4096)
    ring = rng.permutation(len(GLASS))
    table = np.where(np.arange(4096) < 72, ring[(np.arange(4096) // 4) % len(GLASS)], choice)
    hue = table[np.mod(number, 4096)]
    colours = ramp(GLASS, hue / (len(GLASS) - 1.0))
    shade = rng.normal(1.0, 0.16, 4096)[np.mod(number, 4096)]
    ripples = 0.10 * noise(rng, DRAWN, (40, 160), 3) + 0.05 * noise(rng, DRAWN, (9, 9), 2)
    glow = shade * (1.22 - 0.75 * far) + ripples
    bright = colours * glow[..., None] + 46.0 * np.maximum(glow - 1.15, 0.0)[..., None]
    window = mix(bright, np.broadcast_to(LEAD, bright.shape), lead)
    height = lead * 1.1 + 0.02 * noise(rng, DRAWN, (12, 12), 2)
    return lit(np.clip(window, 0, 255), height, depth=2.2, gloss=80.0)
