"""Pears and a jug in charcoal and white chalk, hatched on the grain of grey paper."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from samples.brush import (
    DRAWN,
    Floats,
    advance,
    blurred,
    grid,
    jittered_starts,
    noise,
    sample,
    smoothstep,
)

PAPER = np.array((196.0, 190.0, 178.0))
COAL = np.array((24.0, 22.0, 22.0))
CHALK = np.array((247.0, 244.0, 236.0))
TABLE = 660.0
# Solids of revolution: x of the axis, top, bottom, and the half width by height.
Profile = tuple[tuple[float, float], ...]
JUG: Profile = ((0.0, 0.24), (0.06, 0.22), (0.2, 0.17), (0.5, 0.40), (0.8, 0.44), (1.0, 0.26))
PEAR: Profile = ((0.0, 0.05), (0.1, 0.15), (0.42, 0.24), (0.72, 0.45), (0.9, 0.42), (1.0, 0.18))
APPLE: Profile = ((0.0, 0.28), (0.25, 0.52), (0.55, 0.56), (0.85, 0.44), (1.0, 0.22))
SHAPES = (
    (850.0, 150.0, 800.0, JUG),
    (330.0, 380.0, 850.0, PEAR),
    (590.0, 500.0, 920.0, PEAR),
    (1110.0, 640.0, 930.0, APPLE),
)


def half_width(profile: Profile, along: Floats) -> Floats:
    """Return the half width, relative to the height, with rounded bends."""
    at, wide = np.array(profile).T
    index = np.clip(np.searchsorted(at, along) - 1, 0, len(at) - 2)
    part = np.clip((along - at[index]) / (at[index + 1] - at[index]), 0.0, 1.0)
    bent = part * part * (3.0 - 2.0 * part)
    rounded: Floats = wide[index] * (1.0 - bent) + wide[index + 1] * bent
    return rounded


def tones(rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return the darkness, -1 (chalk) to 1 (black), and the direction of the hatching."""
    xs, ys = grid(DRAWN)
    dark = 0.30 - 0.30 * smoothstep(0.0, 1280.0, xs) + 0.08 * noise(rng, DRAWN, (420, 300), 3)
    dark = np.where(ys > TABLE, 0.16 + 0.16 * (ys - TABLE) / 360.0, dark)
    angles = np.where(ys > TABLE, 0.12, -0.95) + 0.08 * noise(rng, DRAWN, (260, 260))
    for x, top, bottom, profile in SHAPES:
        height = bottom - top
        cast = np.hypot((xs - x - 0.55 * height) / (0.62 * height), (ys - bottom + 26.0) / 42.0)
        dark = np.maximum(dark, 0.85 * smoothstep(1.2, 0.4, cast))
        along = (ys - top) / height
        half = half_width(profile, along) * height
        across = (xs - x) / np.maximum(half, 1.0)
        inside = (np.abs(across) < 1.0) & (along > 0.0) & (along < 1.0)
        turned = 0.62 * across + 0.30 * (along - 0.45)
        shade = np.clip(0.16 + 1.05 * turned + 0.3 * across**6, -0.3, 0.98)
        gleam = np.exp(-(((across + 0.38) / 0.16) ** 2) - (((along - 0.5) / 0.16) ** 2))
        dark = np.where(inside, shade - 0.95 * gleam, dark)
        angles = np.where(inside, 0.9 + 0.7 * across, angles)
    return dark, angles


def outline(
    rng: np.random.Generator,
    pen: ImageDraw.ImageDraw,
    x: float,
    top: float,
    bottom: float,
    profile: Profile,
) -> None:
    """Draw the contour of a shape twice, as a hand does that feels for the line."""
    height = bottom - top
    along = np.linspace(0.0, 1.0, 60)
    half = half_width(profile, along) * height
    for side, pressure in ((-1, 190), (1, 255), (1, 200)):
        wander = np.cumsum(rng.normal(0, 0.8, 60))
        path = [
            (float(px), float(py))
            for px, py in zip(x + side * half + wander, top + along * height, strict=True)
        ]
        pen.line(path, fill=pressure, width=5, joint="curve")


def hatched(rng: np.random.Generator, dark: Floats, angles: Floats, white: bool) -> Floats:
    """Draw strokes where the scene is dark, or where it is bright; return their pressure."""
    layer = Image.new("L", DRAWN, 0)
    pen = ImageDraw.Draw(layer)
    for level, turn in ((0.18, 0.0),) if white else ((0.15, 0.0), (0.42, 0.45), (0.66, -0.5)):
        field = angles + turn
        starts = jittered_starts(rng, DRAWN, 12.0)
        tone = sample(-dark if white else dark, starts)
        for start, pressure in zip(starts[tone > level], tone[tone > level], strict=True):
            points = [start]
            for _ in range(6):
                points.append(advance(field, points[-1][None], 6.0)[0])
            path = [(float(x), float(y)) for x, y in points]
            shade = int(np.clip(90 + 165 * pressure, 0, 255))
            pen.line(path, fill=shade, width=int(rng.integers(2, 6)))
    for shape in () if white else SHAPES:
        outline(rng, pen, *shape)
    soft = layer.filter(ImageFilter.GaussianBlur(1.0))
    pressed: Floats = np.asarray(soft, dtype=np.float64) / 255.0
    return pressed


def draw(rng: np.random.Generator) -> Image.Image:
    """Draw the picture."""
    dark, angles = tones(rng)
    grain = noise(rng, DRAWN, (4, 4)) + 0.6 * noise(rng, DRAWN, (9, 3))
    coal = hatched(rng, dark, angles, white=False)
    chalk = hatched(rng, dark, angles, white=True)
    smudge = blurred(coal, 14.0)
    bite = smoothstep(-0.7, 1.3, grain + 2.6 * coal - 0.5) * coal
    share = np.clip(bite + 0.42 * smudge, 0.0, 1.0)[..., None]
    white = np.clip(smoothstep(-0.6, 1.2, grain + 2.0 * chalk - 0.6) * chalk, 0.0, 1.0)[..., None]
    paper = PAPER + 5.0 * grain[..., None]
    picture = paper * (1 - share) + COAL * share
    picture = picture * (1 - white) + CHALK * white
    return Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))
