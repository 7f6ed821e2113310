"""A burning sky over black water, in long bold strokes of orange and red."""

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
    noise,
    ramp,
    streaks,
)

EMBER_SKY = ("#10142e", "#3a1330", "#8c1a2b", "#cf2f1f", "#ef6a1c", "#f9a52c", "#fde08a")
EMBER_SEA = ("#090d22", "#16254a", "#2c4468", "#7d3a3f", "#e0662a", "#fbc25a")
EMBER_LAND = ("#07080f", "#161428", "#2b2140", "#5a2a3a", "#a8492e")
EMBER_SUN = (850.0, 515.0)
HORIZON = 590.0


def ember_sky(rng: np.random.Generator, angles: Floats, size: Size) -> Floats:
    """Colour the sky: wavy bands of fire that brighten towards the sun."""
    xs, ys = grid(size)
    wave = 46.0 * np.sin(xs / 210.0 + ys / 190.0) + 24.0 * np.sin(xs / 93.0 - ys / 130.0)
    level = (ys + wave) / HORIZON
    bands = 0.17 * np.sin(level * 17.0) + 0.08 * np.sin(level * 41.0 + 1.0)
    tone = 0.20 + 0.48 * level + bands + 0.10 * streaks(rng, angles, 30, 220.0)
    distance = np.hypot((xs - EMBER_SUN[0]) / 1.7, ys - EMBER_SUN[1])
    tone += 0.30 * np.exp(-((distance / 210.0) ** 2))
    return ramp(EMBER_SKY, np.clip(tone, 0.0, 0.93))


def ember_sun(canvas: Canvas) -> None:
    """Paint the sun with circular strokes, white in the middle and orange at the rim."""
    xs, ys = grid(DRAWN)
    dx, dy = xs - EMBER_SUN[0], ys - EMBER_SUN[1]
    distance = np.hypot(dx, dy)
    stops = ("#fffbe0", "#fff0a8", "#ffdc5e", "#fbb03a", "#ee7420")
    scene = Scene(ramp(stops, distance / 86.0), np.arctan2(dx, -dy))
    canvas.cover(scene, Layer(14, 17, 46), distance < 80.0)
    canvas.cover(scene, Layer(11, 7, 34), distance < 86.0)


def ember_sea(rng: np.random.Generator, angles: Floats, size: Size) -> Floats:
    """Colour the water: blue-black, with broken reflections of the sun and the bands."""
    xs, ys = grid(size)
    depth = (ys - HORIZON) / (size[1] - HORIZON)
    tone = 0.30 - 0.10 * depth + 0.13 * streaks(rng, angles, 24, 200.0)
    tone += 0.14 * np.sin(depth * 38.0 + np.sin(xs / 120.0))
    path = np.abs(xs - EMBER_SUN[0] + 30.0 * np.sin(ys / 31.0)) / (60.0 + 130.0 * depth)
    tone += 0.66 * np.exp(-(path**2)) * (0.75 + 0.35 * np.sin(ys / 8.5))
    return ramp(EMBER_SEA, np.clip(tone, 0.0, 1.0))


def ember_land(rng: np.random.Generator, canvas: Canvas) -> None:
    """Paint a dark headland on the left whose strokes run down to the water."""
    xs, ys = grid(DRAWN)
    top = 470.0 + 0.00062 * (xs + 60.0) ** 2 + 26.0 * np.sin(xs / 74.0) + 11.0 * np.sin(xs / 27.0)
    shore = 700.0 + 0.45 * np.maximum(ys - 700.0, 0.0) + 40.0 * np.sin(ys / 60.0)
    inside: Mask = (ys > top) & (xs < shore + 30.0)
    angles = 0.62 + 0.55 * np.sin(xs / 190.0 + ys / 150.0) + 0.2 * noise(rng, DRAWN, (200, 200))
    tone = 0.34 + 0.17 * np.clip(streaks(rng, angles, 26, 150.0), -1.7, 1.7)
    tone += 0.6 * np.exp(-np.abs(ys - top) / 22.0)
    scene = Scene(ramp(EMBER_LAND, np.clip(tone, 0.0, 1.0)), angles)
    canvas.cover(scene, Layer(22, 30, 105), inside)
    canvas.cover(scene, Layer(20, 14, 90), inside)
    canvas.cover(scene, Layer(26, 6, 60), inside)
    canvas.cover(scene, Layer(11, 8, 44), inside & (ys < top + 16.0))


def draw(rng: np.random.Generator) -> Image.Image:
    """Draw the picture."""
    xs, ys = grid(DRAWN)
    wind = 0.30 * np.cos(xs / 210.0 + ys / 190.0) + 0.22 * np.cos(xs / 93.0 - ys / 130.0)
    sky = Scene(ember_sky(rng, -wind, DRAWN), -wind)
    ripple = 0.10 * np.sin(xs / 80.0 + ys / 37.0)
    sea = Scene(ember_sea(rng, ripple, DRAWN), ripple)
    water: Mask = ys > HORIZON
    canvas = Canvas(rng, sky.colours * 0.6)
    for layer in (Layer(30, 46, 190), Layer(19, 22, 150), Layer(24, 9, 100)):
        canvas.cover(sky, layer)
    ember_sun(canvas)
    for layer in (Layer(24, 30, 150), Layer(15, 13, 95), Layer(22, 6, 60)):
        canvas.cover(sea, layer, water)
    ember_land(rng, canvas)
    return canvas.finish(depth=3.4)
