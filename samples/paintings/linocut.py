"""Fields under a red sun: a linocut of two blocks, cut in grooves that swell and taper."""

from __future__ import annotations

import numpy as np
from PIL import Image

from samples.brush import DRAWN, Floats, blurred, grid, mix, noise, ridge, smoothstep

PAPER = np.array((240.0, 231.0, 209.0))
BLACK = np.array((24.0, 26.0, 28.0))
RED = np.array((203.0, 58.0, 34.0))
SUN = (900.0, 330.0, 150.0)


def grooves(phase: Floats, tone: Floats, wobble: Floats) -> Floats:
    """Return the ink between grooves: wider grooves where the tone is light."""
    wave = 0.5 + 0.5 * np.cos(2 * np.pi * (phase + wobble))
    return smoothstep(tone - 0.07, tone + 0.07, wave)


def draw(rng: np.random.Generator) -> Image.Image:
    """Draw the picture."""
    xs, ys = grid(DRAWN)
    wobble = 0.10 * noise(rng, DRAWN, (70, 70), 2)
    taper = 0.16 * noise(rng, DRAWN, (150, 40), 2)
    # The sky: grooves that radiate from the sun.
    dx, dy = xs - SUN[0], ys - SUN[1]
    distance, turn = np.hypot(dx, dy), np.arctan2(dy, dx)
    rays = turn / (2 * np.pi) * 110.0
    ink = grooves(rays, 0.86 - 0.62 * smoothstep(150.0, 900.0, distance) + taper, wobble)
    # Hills and fields, far to near: base line, swing, period of the grooves, slope, tone.
    for base, swing, period, slope, tone in (
        (500.0, 60.0, 13.0, 0.30, 0.34),
        (590.0, 52.0, 15.0, -0.42, 0.62),
        (690.0, 70.0, 18.0, 0.55, 0.40),
        (840.0, 60.0, 22.0, -0.20, 0.66),
    ):
        line = ridge(xs, base, swing, 170.0 + base / 4.0, base)
        below = ys - line
        curve = 0.28 * below * np.sin(xs / 190.0 + base)
        furrow = ys * np.cos(slope) + xs * np.sin(slope) + curve
        field = grooves(furrow / period, tone + taper + 0.1 * np.sin(xs / 130.0 + base), wobble)
        ink = np.where(below > 0, np.maximum(field, smoothstep(10.0, 5.0, below)), ink)
    # Trees: solid crowns with cut leaves.
    for x, y, radius in ((190.0, 560.0, 150.0), (395.0, 640.0, 96.0), (1170.0, 690.0, 118.0)):
        crown = np.hypot((xs - x) / 0.72, ys - y) + 13.0 * noise(rng, DRAWN, (40, 40), 2)
        angle = np.arctan2(ys - y, xs - x)
        cuts = np.hypot(xs - x, ys - y) / 17.0 + 0.55 * np.sin(angle * 9.0)
        leaves = grooves(cuts, 0.58 - 0.34 * np.cos(angle + 0.7), wobble)
        rim = smoothstep(radius - 12.0, radius - 7.0, crown)
        ink = np.where(crown < radius, np.maximum(leaves, rim), ink)
        trunk = (np.abs(xs - x) < 13.0) & (ys > y + radius * 0.6) & (ys < y + radius * 1.55)
        ink = np.where(trunk, 1.0, ink)
    # The press leaves the ink uneven.
    bare = smoothstep(1.5, 2.1, noise(rng, DRAWN, (6, 6), 2))
    black = blurred(ink, 1.3)
    above = ys < ridge(xs, 500.0, 60.0, 295.0, 500.0)
    red = smoothstep(SUN[2] + 2.0, SUN[2] - 2.0, distance) * above
    paper = PAPER + 3.0 * noise(rng, DRAWN, (5, 5))[..., None]
    picture = mix(paper, np.broadcast_to(RED, paper.shape), red * (0.97 - 0.2 * bare))
    cover = black * (1.0 - red) * (0.98 - 0.35 * bare)
    picture = mix(picture, np.broadcast_to(BLACK, paper.shape), cover)
    return Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))
