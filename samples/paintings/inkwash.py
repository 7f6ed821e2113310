"""Mountains in mist and bamboo: ink washes on paper, from pale grey to black, and a red seal."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from samples.brush import DRAWN, Floats, grid, mix, noise, smoothstep

PAPER = (236.0, 228.0, 210.0)
INK = np.array((26.0, 27.0, 33.0))
SEAL = (178, 44, 32)
# The mountain ranges, far to near: height of the ridge, swing, darkness, and reach of the mist.
RANGES = (
    (380.0, 90.0, 0.20, 150.0),
    (470.0, 130.0, 0.34, 190.0),
    (600.0, 170.0, 0.52, 210.0),
    (790.0, 120.0, 0.80, 260.0),
)


def washed(rng: np.random.Generator, paper: Floats) -> Floats:
    """Lay the ranges, each darkest along its ridge and lost in mist below."""
    _, ys = grid(DRAWN)
    picture = paper
    for base, swing, dark, reach in RANGES:
        line = noise(rng, (DRAWN[0], 1), (330, 1), octaves=6)[0] * swing + base
        ragged = line[None, :] + 7.0 * noise(rng, DRAWN, (16, 16), octaves=2)
        below = ys - ragged
        wash = np.exp(-np.maximum(below, 0.0) / reach) * smoothstep(-3.0, 5.0, below)
        edge = np.exp(-((below - 8.0) ** 2) / 110.0) * 0.35
        bloom = 0.82 + 0.18 * noise(rng, DRAWN, (150, 110), octaves=4)
        folds = 0.10 * noise(rng, DRAWN, (46, 170), octaves=3) * wash
        ink = np.broadcast_to(INK, picture.shape)
        picture = mix(picture, ink, dark * (wash * bloom + edge) + folds)
    return picture


def leaf(pen: ImageDraw.ImageDraw, at: tuple[float, float], angle: float, length: float) -> None:
    """Draw a bamboo leaf: one pressed and lifted stroke of the brush."""
    t = np.linspace(0.0, 1.0, 18)
    half = length * 0.085 * np.sin(np.pi * t**0.7)
    bend = 0.10 * length * t**2
    xs = at[0] + np.cos(angle) * length * t - np.sin(angle) * bend
    ys = at[1] + np.sin(angle) * length * t + np.cos(angle) * bend
    nx, ny = -np.sin(angle), np.cos(angle)
    upper = [(float(x + nx * w), float(y + ny * w)) for x, y, w in zip(xs, ys, half, strict=True)]
    lower = [(float(x - nx * w), float(y - ny * w)) for x, y, w in zip(xs, ys, half, strict=True)]
    pen.polygon(upper + lower[::-1], fill=int(np.clip(205 + 45 * np.sin(length), 150, 255)))


def bamboo(rng: np.random.Generator) -> Floats:
    """Draw the stems and leaves in the foreground as a map of ink, 0 to 1."""
    layer = Image.new("L", DRAWN, 0)
    pen = ImageDraw.Draw(layer)
    for x, lean, width, tone in ((140, 60, 30, 235), (255, 95, 20, 190), (60, 20, 16, 150)):
        y, joint = float(DRAWN[1] + 40), 0
        while y > 60:
            length = rng.uniform(120, 170)
            x0, x1 = x + lean * (1 - y / DRAWN[1]), x + lean * (1 - (y - length) / DRAWN[1])
            pen.line([(x0, y - 7), (x1, y - length + 7)], fill=tone, width=width)
            half = width * 0.6
            pen.line([(x1 - half, y - length), (x1 + half, y - length)], fill=255, width=6)
            if joint % 2:
                for _ in range(6):
                    leaf(pen, (x1, y - length), rng.uniform(-0.6, 1.5), rng.uniform(110, 210))
            y, joint = y - length, joint + 1
    dry = noise(rng, DRAWN, (9, 90), octaves=2)
    ink = np.asarray(layer.filter(ImageFilter.GaussianBlur(1.2)), dtype=np.float64) / 255.0
    streaked: Floats = ink * np.clip(1.0 - 0.25 * np.maximum(dry - 0.6, 0.0), 0.0, 1.0)
    return streaked


def draw(rng: np.random.Generator) -> Image.Image:
    """Draw the picture."""
    fibres = 3.0 * noise(rng, DRAWN, (70, 4), octaves=2) + 3.5 * noise(rng, DRAWN, (3, 3))
    paper = np.array(PAPER) + fibres[..., None]
    picture = washed(rng, paper)
    picture = mix(picture, np.broadcast_to(INK, picture.shape), bamboo(rng) * 0.95)
    painting = Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))
    pen = ImageDraw.Draw(painting)
    pen.rounded_rectangle((1150, 120, 1210, 190), 8, fill=SEAL)
    for y in (138, 155, 172):
        pen.line([(1162, y), (1198, y)], fill=(236, 214, 196), width=5)
    pen.line([(1180, 134), (1180, 178)], fill=(236, 214, 196), width=5)
    return painting
