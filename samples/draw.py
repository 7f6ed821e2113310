"""Draw the style pictures and extract the photographs: python -m samples.draw"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from samples.brush import (
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
    streaks,
)

STYLES = Path(__file__).parent / "styles"
FINISHED: Size = (640, 512)
DRAWN: Size = (FINISHED[0] * 2, FINISHED[1] * 2)  # twice the size, for antialiasing

NIGHT = ("#070d2b", "#10215c", "#17408f", "#2b6bb8", "#5fa3cf", "#b9d9d2", "#f1edc4")
GLOW = ("#c9d6b0", "#e9dc8b", "#f6cf45", "#f2a91f", "#fff3b8")
NEAR_HILLS = ("#060b22", "#0d1f3f", "#174a5c", "#2f7a70", "#86a85b")
WHEAT = ("#3a2a12", "#8a5a14", "#c98a1c", "#e9b93a", "#f7e08a")

# Vortices of the night sky: x, y, radius and sense of rotation.
VORTICES = (
    (470.0, 340.0, 215.0, 1.0),
    (815.0, 500.0, 150.0, -1.0),
    (110.0, 560.0, 120.0, -1.0),
)
# Its lights: x, y and radius; the first is the moon.
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
    """A wind from the left that winds itself round every vortex and every light."""
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
    """Blue streaks along the wind, spiral arms in the vortices, halos round the lights."""
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


def ridge(xs: Floats, base: float, swing: float, length: float, phase: float) -> Floats:
    """The outline of a hill: two sines."""
    return (
        base
        + swing * np.sin(xs / length + phase)
        + 0.35 * swing * np.sin(2.3 * xs / length + 2 * phase)
    )


def paint_hill(
    canvas: Canvas, rng: np.random.Generator, top: Floats, stops: tuple[str, ...], tilt: float
) -> None:
    """One hill: strokes that run along its outline, turned by `tilt`, lighter at the crest."""
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


def swirls(rng: np.random.Generator) -> Image.Image:
    """A windy night above hills and wheat, in short curved strokes of blue and yellow."""
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


PICTURES: dict[str, tuple[int, Callable[[np.random.Generator], Image.Image]]] = {
    "swirls": (1889, swirls),
}


def draw_styles(folder: Path) -> None:
    """Draw every style picture into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (seed, draw) in PICTURES.items():
        picture = draw(np.random.default_rng(seed))
        finished = picture.resize(FINISHED, Image.Resampling.LANCZOS)
        finished.save(folder / f"{name}.jpg", quality=88, optimize=True)


def main() -> None:
    """Make every picture in samples/."""
    draw_styles(STYLES)


if __name__ == "__main__":
    main()
