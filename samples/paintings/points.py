"""A river bank on a summer afternoon, in dots of unmixed colour."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from samples.brush import DRAWN, Floats, grid, jittered_starts, mix, noise, ramp, sample, smoothstep

SKY = ("#7fb4dc", "#b9d8e8", "#f6e3bf", "#fbd8a8")
WATER = ("#3f7fb0", "#5fa0c4", "#a8cbd6", "#f3dcae")
BANK = ("#3d6b32", "#6f9a3c", "#b5b84a", "#e3cd6a")
TREES = ("#173a2e", "#2c5a36", "#4f7d3a", "#8fa548")
DRESSES = ("#7a2f4a", "#2b2a55")
PARASOLS = ("#f4efe2", "#e2703f")
# The crowns of the trees: x, y and radius.
CROWNS = ((130, 290, 190), (330, 360, 130), (1120, 260, 230), (930, 390, 110), (760, 430, 70))
# Passes of dots: spacing and radius.
PASSES = ((15.0, 9.0), (11.0, 6.5), (12.0, 5.0))


def scene(rng: np.random.Generator) -> Floats:
    """Return the colours of the landscape."""
    xs, ys = grid(DRAWN)
    picture = ramp(SKY, np.clip(ys / 480.0 + 0.08 * noise(rng, DRAWN, (300, 90), 3), 0, 1))
    depth = 1.0 - (ys - 470.0) / 330.0 + 0.12 * noise(rng, DRAWN, (190, 22), 2)
    picture = mix(picture, ramp(WATER, np.clip(depth, 0, 1)), smoothstep(468.0, 474.0, ys))
    for x, y, radius in CROWNS:
        distance = np.hypot(xs - x, (ys - y) * 1.1) + 22.0 * noise(rng, DRAWN, (60, 60), 3)
        light = np.clip(0.55 - (xs - x + (ys - y) * 1.3) / (3.2 * radius), 0, 1)
        mirrored = np.hypot(xs - x, (ys - (940 - y)) * 1.15)
        mirrored += 26.0 * noise(rng, DRAWN, (120, 16), 2)
        reflection = 0.6 * smoothstep(radius, radius * 0.9, mirrored) * (ys > 474)
        picture = mix(picture, ramp(TREES, light * 0.6), reflection)
        crown = smoothstep(radius, radius * 0.93, distance) * (ys < 474)
        picture = mix(picture, ramp(TREES, light), crown)
    shore = 760.0 + 120.0 * np.sin(xs / 420.0 + 2.2) + 14.0 * noise(rng, DRAWN, (90, 90), 2)
    light = 0.5 + 0.3 * noise(rng, DRAWN, (150, 60), 3) - (ys - 900) / 900.0
    grass = ramp(BANK, np.clip(light, 0, 1))
    picture = mix(picture, grass, smoothstep(shore, shore + 8.0, ys))
    for x, y, lean in ((420, 800, -1), (560, 850, 1), (880, 820, 1)):  # people with parasols
        body = np.hypot((xs - x) / 26.0, (ys - y) / 78.0)
        tone = np.full_like(xs, 0.5 + 0.5 * lean)
        picture = mix(picture, ramp(DRESSES, tone), smoothstep(1.05, 0.9, body))
        above = np.maximum(ys - y + 105, (y - 105 - ys) * 2.0) / 46.0
        shade = np.hypot((xs - x - 22 * lean) / 74.0, above)
        picture = mix(picture, ramp(PARASOLS, tone), smoothstep(1.0, 0.92, shade))
    return picture


def draw(rng: np.random.Generator) -> Image.Image:
    """Draw the picture."""
    colours = scene(rng)
    painting = Image.new("RGB", DRAWN, (236, 224, 196))
    pen = ImageDraw.Draw(painting)
    for spacing, radius in PASSES:
        points = jittered_starts(rng, DRAWN, spacing)
        own = sample(colours, points)
        # Colours stay unmixed: some dots take the complement, others a purer version.
        grey = own.mean(axis=-1, keepdims=True)
        purity = rng.choice([1.0, 1.7, 2.3, -0.7], size=(len(points), 1), p=[0.3, 0.35, 0.23, 0.12])
        dots = np.clip(grey + (own - grey) * purity + rng.normal(0, 13, own.shape), 0, 255)
        sizes = radius * rng.uniform(0.7, 1.15, len(points))
        for (x, y), size, colour in zip(points, sizes, dots, strict=True):
            red, green, blue = (int(band) for band in colour)
            pen.ellipse((x - size, y - size, x + size, y + size), fill=(red, green, blue))
    return painting
