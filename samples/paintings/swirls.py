"""A windy night above hills and wheat, in short curved strokes of blue and yellow."""

from __future__ import annotations

import numpy as np
from PIL import Image

from samples.brush import (
    DRAWN,
    Canvas,
    Floats,
    Layer,
    Mask,
    Scene,
    Size,
    grid,
    mix,
    noise,
    ramp,
    ridge,
    streaks,
)

NIGHT = ("#070d2b", "#10215c", "#17408f", "#2b6bb8", "#5fa3cf", "#b9d9d2", "#f1edc4")
GLOW = ("#2f74bd", "#6fb3d3", "#e6dc88", "#f6c83c", "#f2a91f", "#fff3b8")
NEAR_HILLS = ("#060b22", "#0d1f3f", "#174a5c", "#2f7a70", "#86a85b")
WHEAT = ("#3a2a12", "#8a5a14", "#c98a1c", "#e9b93a", "#f7e08a")

# Vortices of the night sky: x, y, radius and sense of rotation.
VORTICES = (
    (470.0, 340.0, 215.0, 1.0),
    (815.0, 500.0, 150.0, -1.0),
    (110.0, 560.0, 120.0, -1.0),
)
# Lights of the night sky: x, y and radius. The first is the moon.
LIGHTS = (
    (1080.0, 190.0, 150.0),
    (120.0, 130.0, 62.0),
    (300.0, 90.0, 40.0),
    (690.0, 110.0, 70.0),
    (860.0, 250.0, 44.0),
    (690.0, 270.0, 34.0),
    (1190.0, 470.0, 56.0),
    (1010.0, 440.0, 36.0),
    (215.0, 330.0, 40.0),
    (600.0, 590.0, 40.0),
    (330.0, 600.0, 34.0),
)


def night_angles(size: Size) -> Floats:
    """Return a wind field that circles every vortex and every light."""
    xs, ys = grid(size)
    along = np.ones_like(xs)
    down = 0.45 * np.sin(xs / 170.0 + ys / 260.0) + 0.15 * np.sin(xs / 61.0)
    for x, y, radius, sense in (*VORTICES, *((*light, 1.0) for light in LIGHTS)):
        dx, dy = xs - x, ys - y
        distance = np.hypot(dx, dy) + 1e-6
        pull = 6.0 * np.exp(-((distance / radius) ** 2))
        along += pull * (-sense * dy - 0.12 * dx) / distance
        down += pull * (sense * dx - 0.12 * dy) / distance
    return np.arctan2(down, along)


def night_sky(rng: np.random.Generator, angles: Floats, size: Size) -> Floats:
    """Colour the sky: streaks along the wind, spiral arms in vortices, halos round lights."""
    xs, ys = grid(size)
    tone = 0.40 + 0.17 * streaks(rng, angles, 26, 170.0) + 0.10 * (ys / size[1] - 0.4)
    for x, y, radius, sense in VORTICES:
        dx, dy = xs - x, ys - y
        distance = np.hypot(dx, dy) + 1.0
        arms = np.sin(2.0 * np.arctan2(dy, dx) - sense * 5.2 * np.log(distance / 9.0))
        share = np.exp(-((distance / (1.15 * radius)) ** 2))
        tone = tone * (1.0 - 0.75 * share) + 0.75 * share * (0.56 + 0.34 * arms)
    colours = ramp(NIGHT, np.clip(tone, 0.0, 1.0))
    for x, y, radius in LIGHTS:
        distance = np.hypot(xs - x, ys - y) / radius
        rings = 0.78 + 0.22 * np.cos(distance * 13.0)
        halo = ramp(GLOW, np.clip(1.0 - distance * 0.85, 0.0, 1.0))
        colours = mix(colours, halo, 1.25 * np.exp(-((distance / 0.78) ** 2)) * rings)
    return colours


def paint_hill(
    canvas: Canvas, rng: np.random.Generator, top: Floats, stops: tuple[str, ...], tilt: float
) -> None:
    """Paint a hill with strokes along its outline, turned by `tilt`, lighter at the crest."""
    height, width = top.shape
    _, ys = grid((width, height))
    depth = ys - top
    slope = np.arctan(np.gradient(top, axis=1))
    wander = 0.35 * noise(rng, (width, height), (150, 110), octaves=2)
    scene_angles = slope + tilt + wander
    tone = 0.45 + 0.22 * streaks(rng, scene_angles, 18, 70.0)
    tone += 0.35 * np.exp(-np.clip(depth, 0, None) / 22.0) - 0.1
    scene = Scene(ramp(stops, np.clip(tone, 0.0, 1.0)), scene_angles)
    inside: Mask = depth > 0
    canvas.cover(scene, Layer(17, 20, 62), inside)
    canvas.cover(scene, Layer(11, 9, 40), depth > 4)
    canvas.cover(scene, Layer(26, 5, 34), depth > 6)


def draw(rng: np.random.Generator) -> Image.Image:
    """Draw the picture."""
    angles = night_angles(DRAWN)
    sky = Scene(night_sky(rng, angles, DRAWN), angles)
    canvas = Canvas(rng, sky.colours * 0.5)
    canvas.cover(sky, Layer(24, 30, 100))
    canvas.cover(sky, Layer(13, 13, 62))
    canvas.cover(sky, Layer(17, 7, 44))
    xs, _ = grid(DRAWN)
    paint_hill(canvas, rng, ridge(xs, 735, 42, 150, 0.4), ("#0b1340", "#1b2f72", "#3a5fa6"), 0.0)
    paint_hill(canvas, rng, ridge(xs, 800, 38, 190, 2.6), NEAR_HILLS, 0.15)
    paint_hill(canvas, rng, ridge(xs, 885, 26, 240, 4.4), WHEAT, -0.9)
    return canvas.finish(depth=3.2)
