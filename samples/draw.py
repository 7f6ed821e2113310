"""Draw the style pictures and extract the photographs: python -m samples.draw"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from samples import photographs
from samples.brush import (
    Canvas,
    Floats,
    Indices,
    Layer,
    Mask,
    Scene,
    Size,
    grid,
    lit,
    mix,
    noise,
    ramp,
    smoothstep,
    streaks,
)

PHOTOS = Path(__file__).parent / "photos"
STYLES = Path(__file__).parent / "styles"
FINISHED: Size = (640, 512)
DRAWN: Size = (FINISHED[0] * 2, FINISHED[1] * 2)  # twice the size, for antialiasing

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


EMBER_SKY = ("#10142e", "#3a1330", "#8c1a2b", "#cf2f1f", "#ef6a1c", "#f9a52c", "#fde08a")
EMBER_SEA = ("#090d22", "#16254a", "#2c4468", "#7d3a3f", "#e0662a", "#fbc25a")
EMBER_LAND = ("#07080f", "#161428", "#2b2140", "#5a2a3a", "#a8492e")
EMBER_SUN = (850.0, 515.0)
HORIZON = 590.0


def ember_sky(rng: np.random.Generator, angles: Floats, size: Size) -> Floats:
    """Bands of fire that wave across the sky and brighten towards the sun."""
    xs, ys = grid(size)
    wave = 46.0 * np.sin(xs / 210.0 + ys / 190.0) + 24.0 * np.sin(xs / 93.0 - ys / 130.0)
    level = (ys + wave) / HORIZON
    bands = 0.17 * np.sin(level * 17.0) + 0.08 * np.sin(level * 41.0 + 1.0)
    tone = 0.20 + 0.48 * level + bands + 0.10 * streaks(rng, angles, 30, 220.0)
    distance = np.hypot((xs - EMBER_SUN[0]) / 1.7, ys - EMBER_SUN[1])
    tone += 0.30 * np.exp(-((distance / 210.0) ** 2))
    return ramp(EMBER_SKY, np.clip(tone, 0.0, 0.93))


def ember_sun(canvas: Canvas) -> None:
    """The sun: strokes that go round, from white in the middle to orange at the rim."""
    xs, ys = grid(DRAWN)
    dx, dy = xs - EMBER_SUN[0], ys - EMBER_SUN[1]
    distance = np.hypot(dx, dy)
    stops = ("#fffbe0", "#fff0a8", "#ffdc5e", "#fbb03a", "#ee7420")
    scene = Scene(ramp(stops, distance / 86.0), np.arctan2(dx, -dy))
    canvas.cover(scene, Layer(14, 17, 46), distance < 80.0)
    canvas.cover(scene, Layer(11, 7, 34), distance < 86.0)


def ember_sea(rng: np.random.Generator, angles: Floats, size: Size) -> Floats:
    """Blue-black water that gives the sun and the bands back, broken up."""
    xs, ys = grid(size)
    depth = (ys - HORIZON) / (size[1] - HORIZON)
    tone = 0.30 - 0.10 * depth + 0.13 * streaks(rng, angles, 24, 200.0)
    tone += 0.14 * np.sin(depth * 38.0 + np.sin(xs / 120.0))
    path = np.abs(xs - EMBER_SUN[0] + 30.0 * np.sin(ys / 31.0)) / (60.0 + 130.0 * depth)
    tone += 0.66 * np.exp(-(path**2)) * (0.75 + 0.35 * np.sin(ys / 8.5))
    return ramp(EMBER_SEA, np.clip(tone, 0.0, 1.0))


def ember_land(rng: np.random.Generator, canvas: Canvas) -> None:
    """A dark headland on the left whose strokes run down to the water."""
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


def embers(rng: np.random.Generator) -> Image.Image:
    """A burning sky over black water, in long bold strokes."""
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


PAPER = "#efe4c8"
INK = "#14224a"
FAR_HILLS = ("#c9c8b6", "#a3b8bb", "#6f93a8", "#3f6a92")
# The rows of waves, far to near: base line, wave length, height, body and stripe.
WAVES = (
    (600.0, 250.0, 62.0, "#8fb2ba", "#c9d8cd"),
    (668.0, 330.0, 96.0, "#6396b0", "#a9c8c8"),
    (755.0, 430.0, 140.0, "#3f78a3", "#8db8c4"),
    (860.0, 560.0, 190.0, "#2a5b90", "#79a9bf"),
    (985.0, 720.0, 245.0, "#1d4179", "#5f97b6"),
    (1120.0, 900.0, 270.0, "#142c5c", "#4a80aa"),
)
STRIPES = 13


def wave_crest(
    rng: np.random.Generator, base: float, length: float, height: float
) -> tuple[Floats, Floats]:
    """The outline of a row of waves, trochoids leaning to the right, and how far each leans."""
    turns = DRAWN[0] / length + 2.0
    phase = np.linspace(-1.0, turns, int(turns * 240)) * 2.0 * np.pi + rng.uniform(0.0, 6.0)
    swell = 1.0 + 0.22 * np.sin(phase * 0.41 + rng.uniform(0.0, 6.0))
    lift = ((1.0 - np.cos(phase)) / 2.0) ** 1.6
    lean = 0.62 * height * swell * lift**3
    xs = length * (phase / (2.0 * np.pi) + 0.085 * np.sin(phase)) + lean - length
    return np.stack([xs, base - height * swell * lift], axis=-1), lean


def line_of(points: Floats) -> list[tuple[float, float]]:
    """Points as Pillow takes them."""
    return [(float(x), float(y)) for x, y in points]


def print_wave(image: Image.Image, crest: Floats, lean: Floats, inks: tuple[str, str]) -> None:
    """One row of waves: its body, and stripes that follow the crest and calm down below it."""
    ends = np.array([[crest[-1, 0], DRAWN[1] + 400.0], [crest[0, 0], DRAWN[1] + 400.0]])
    outline = line_of(np.concatenate([crest, ends]))
    body = Image.new("RGB", image.size, inks[0])
    pen = ImageDraw.Draw(body)
    trough = crest[:, 1].max()
    reach = np.ptp(crest[:, 1])
    for stripe in range(1, STRIPES):
        calm = 0.89**stripe
        fall = reach * (0.05 * stripe + 0.006 * stripe**2)
        xs = crest[:, 0] - lean * (1.0 - 0.70**stripe)
        ys = trough + (crest[:, 1] - trough) * calm + fall
        line = line_of(np.stack([xs, ys], axis=-1))
        width = max(2, round(reach * (0.034 - 0.0014 * stripe)))
        pen.line(line, fill=inks[1] if stripe % 2 else INK, width=width if stripe % 2 else 2)
    mask = Image.new("L", image.size, 0)
    ImageDraw.Draw(mask).polygon(outline, fill=255)
    image.paste(body, mask=mask)


def foam(pen: ImageDraw.ImageDraw, rng: np.random.Generator, crest: Floats) -> None:
    """A scalloped white lip along the crest that swells towards the tips, and spray off them."""
    reach = np.ptp(crest[:, 1])
    lift = (crest[:, 1].max() - crest[:, 1]) / reach
    lip = scallops(rng, crest, lift, reach)
    pen.line(line_of(crest), fill=INK, width=10, joint="curve")
    for x, y, radius in lip:
        disc(pen, x, y, radius + 2.5, INK)
    pen.line(line_of(crest), fill=PAPER, width=5, joint="curve")
    for x, y, radius in lip:
        disc(pen, x, y, radius, PAPER)
    tips = rng.choice(np.flatnonzero(lift > 0.72), size=110)
    spread = rng.normal((0.16, -0.05), (0.13, 0.10), (len(tips), 2)) * reach
    for x, y in crest[tips] + spread:
        disc(pen, x, y, rng.uniform(1.3, 1.8 + 0.014 * reach), PAPER)


def scallops(rng: np.random.Generator, crest: Floats, lift: Floats, reach: float) -> Floats:
    """Circles set one beside the other along the upper part of the crest: x, y and radius."""
    found: list[tuple[float, float, float]] = []
    free_from = 0.0
    walked = np.cumsum(np.hypot(*np.gradient(crest, axis=0).T))
    for (x, y), height, way in zip(crest, lift, walked, strict=True):
        if height < 0.30 or way < free_from:
            continue
        radius = reach * (0.012 + 0.062 * height**2) * rng.uniform(0.65, 1.4)
        found.append((float(x), float(y + 0.5 * radius), float(radius)))
        free_from = way + 1.15 * radius
    return np.array(found)


def disc(pen: ImageDraw.ImageDraw, x: float, y: float, radius: float, colour: str) -> None:
    """A filled circle."""
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)


def print_sky(rng: np.random.Generator) -> Image.Image:
    """Indigo wiped out towards the horizon, an ochre sun, mist, and far hills that fade."""
    xs, ys = grid(DRAWN)
    edge = ys + 8.0 * noise(rng, DRAWN, (500, 60))
    stops = ("#1b2f62", "#53799b", "#d3cba9", PAPER, "#eccf9d", "#e3b878")
    sky = ramp(stops, np.clip(edge / 600.0, 0.0, 1.0))
    sun = np.hypot(xs - 905.0, ys - 262.0)
    sky = mix(sky, ramp(("#dd8a30", "#bf4a1c"), (ys - 130.0) / 260.0), 136.0 - sun)
    for far, colour in enumerate(FAR_HILLS):
        top = 455.0 + 34.0 * far - (150.0 - 26.0 * far) * hills(rng, far)
        fade = ramp((colour, colour, PAPER), np.clip((ys - top) / 210.0, 0.0, 1.0))
        sky = mix(sky, fade, ys - top)
        sky = mix(sky, ramp((INK, INK), ys), 2.2 - np.abs(ys - top))
    image = Image.fromarray(np.clip(sky, 0, 255).astype(np.uint8))
    print_mist(ImageDraw.Draw(image), rng)
    return image


def hills(rng: np.random.Generator, near: int) -> Floats:
    """The height of a chain of hills above its foot, about 0 to 1; x is the second axis."""
    coarse = noise(rng, (DRAWN[0], 2), (340 - 50 * near, 2), octaves=4)[:1]
    return 0.35 + 0.3 * coarse


def print_mist(pen: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    """Banks of mist: round-ended bars that overlap like steps."""
    for x, y in ((90.0, 150.0), (610.0, 268.0), (980.0, 95.0), (-60.0, 420.0), (420.0, 440.0)):
        for step in range(3):
            left = x + rng.uniform(0.0, 150.0)
            box = (left, y + 19.0 * step, left + rng.uniform(200.0, 330.0), y + 19.0 * step + 20.0)
            pen.rounded_rectangle(box, radius=10, fill=PAPER)


def press(rng: np.random.Generator, image: Image.Image) -> Image.Image:
    """What printing adds: wood grain in the ink, fibres in the paper, an uneven rub."""
    ink = np.asarray(image, dtype=np.float64)
    darkness = 1.0 - ink.mean(axis=-1) / 255.0
    _, ys = grid(DRAWN)
    warp = 34.0 * noise(rng, DRAWN, (620, 130), octaves=2)
    grain = np.sin((ys + warp) / 2.3) + 0.9 * noise(rng, DRAWN, (260, 4))
    rub = noise(rng, DRAWN, (240, 160), octaves=3)
    speckle = noise(rng, DRAWN, (5, 5), octaves=2)
    bare = darkness * (0.085 * grain + 0.06 * rub + 0.10 * np.maximum(speckle - 0.9, 0.0))
    printed = mix(ink, ramp((PAPER, PAPER), darkness), bare + 0.05)
    tooth = 1.0 + 0.020 * speckle + 0.014 * rub - 0.05 * fibres(rng)
    return Image.fromarray(np.clip(printed * tooth[..., None], 0, 255).astype(np.uint8))


def fibres(rng: np.random.Generator) -> Floats:
    """Short bent hairs that lie in the paper, in all directions: 1 on a hair, 0 beside it."""
    sheet = Image.new("L", DRAWN, 0)
    pen = ImageDraw.Draw(sheet)
    for x, y in rng.uniform((0, 0), DRAWN, (2600, 2)):
        turn = rng.uniform(0.0, 2.0 * np.pi) + np.linspace(0.0, rng.normal(0.0, 1.3), 7)
        hair = np.cumsum(rng.uniform(3.0, 9.0) * np.stack([np.cos(turn), np.sin(turn)], -1), 0)
        pen.line(line_of(hair + np.array((x, y))), fill=int(rng.uniform(70, 255)), width=2)
    return np.asarray(sheet, dtype=np.float64) / 255.0


def woodblock(rng: np.random.Generator) -> Image.Image:
    """Rows of breaking waves below fading hills, in indigo, ochre and the white of paper."""
    image = print_sky(rng)
    for base, length, height, body, stripe in WAVES:
        crest, lean = wave_crest(rng, base, length, height)
        print_wave(image, crest, lean, (body, stripe))
        foam(ImageDraw.Draw(image), rng, crest)
    return press(rng, image)


TESSERA = 30.0
GLASS_SUN = (470.0, 395.0)
LEAD = "#15120f"
WARM = ("#fff1b0", "#ffd24a", "#f9a01f", "#e8641b", "#c8321f", "#8f1d3a", "#4a1a4d")
COOL = ("#fff1b0", "#f8e39a", "#8fd3c1", "#3aa6b5", "#1f74a8", "#1c4a8c", "#152a5c")
# What lies below the sky, far to near: outline (base, swing, length, phase) and colours.
GROUNDS = (
    ((690.0, 46.0, 175.0, 0.3), ("#3c2f72", "#5a4796", "#8a5aa0", "#b985b0")),
    ((765.0, 40.0, 205.0, 2.4), ("#0e4a4f", "#16706a", "#2f9a7c", "#8cc9a0")),
    ((855.0, 34.0, 260.0, 4.3), ("#2b6a1f", "#5c9a2c", "#a7c23c", "#e3dc62")),
    ((940.0, 22.0, 170.0, 1.2), ("#123a8a", "#1f6fc0", "#4fb0d8", "#c8ecec")),
)


def outlines() -> list[Floats]:
    """The upper edge of every ground, by x."""
    xs = np.arange(DRAWN[0], dtype=np.float64)
    return [ridge(xs, *shape) for shape, _ in GROUNDS]


def region_of(points: Floats) -> Floats:
    """Which ground a point lies in, from 1; 0 is the sky."""
    columns = np.clip(points[:, 0], 0, DRAWN[0] - 1).astype(np.intp)
    region = np.zeros(len(points))
    for number, top in enumerate(outlines(), start=1):
        region[points[:, 1] > top[columns]] = number
    return region


def courses(spacing: float) -> Floats:
    """Tesserae set along both sides of every outline, so that the outline stays sharp."""
    edges, normals = [], []
    for number, top in enumerate(outlines(), start=1):
        walked = np.cumsum(np.hypot(1.0, np.gradient(top)))
        columns = np.interp(np.arange(0.0, walked[-1], spacing), walked, np.arange(len(top)))
        slope = np.interp(columns, np.arange(len(top)), np.gradient(top))
        edge = np.stack([columns, np.interp(columns, np.arange(len(top)), top)], -1)
        seen = region_of(edge - (0.0, 1.0)) <= number
        normal = np.stack([-slope, np.ones_like(slope)], -1) / np.hypot(1.0, slope)[:, None]
        edges.append(edge[seen])
        normals.append(normal[seen])
    edge, normal = np.concatenate(edges[::-1]), np.concatenate(normals[::-1])
    return np.concatenate([edge + normal * side * spacing for side in (0.5, -0.5, 1.45)])


def rings(rng: np.random.Generator) -> Floats:
    """Tesserae in rings round the sun, small near it and larger further out."""
    placed = [np.array([GLASS_SUN])]
    radius = 17.0
    while radius < 1100.0:
        width = TESSERA * (0.55 + 0.75 * float(smoothstep(40.0, 700.0, np.array(radius))))
        count = max(6, round(2.0 * np.pi * radius / (1.12 * width)))
        turn = rng.uniform(0.0, 2.0 * np.pi) + np.arange(count) * 2.0 * np.pi / count
        placed.append(np.stack([np.cos(turn), np.sin(turn)], -1) * radius + GLASS_SUN)
        radius += width
    return np.concatenate(placed)


def terraces(spacing: float) -> Floats:
    """Tesserae in rows that follow the outline of each ground downwards."""
    rows = []
    for top in outlines():
        for row in range(2, 16):
            columns = np.arange(-(row % 2) * spacing / 2, DRAWN[0], 1.12 * spacing)
            ys = np.interp(columns, np.arange(len(top)), top) + (row + 0.5) * spacing
            rows.append(np.stack([columns, ys], -1))
    return np.concatenate(rows)


def thinned(seeds: Floats, closest: float) -> Floats:
    """Leave out every seed that comes too close to an earlier one."""
    kept = np.empty_like(seeds)
    count = 0
    for seed in seeds:
        gaps = np.abs(kept[:count] - seed)
        if not count or (np.hypot(gaps[:, 0], gaps[:, 1]) > closest).all():
            kept[count] = seed
            count += 1
    return kept[:count]


def tesserae(rng: np.random.Generator) -> Floats:
    """The middle of every piece of glass. Courses come first and win over what fills the rest."""
    seeds = np.concatenate([courses(0.8 * TESSERA), rings(rng), terraces(0.85 * TESSERA)])
    inside = ((seeds > -40.0) & (seeds < np.array(DRAWN) + 40.0)).all(axis=1)
    spread = thinned(seeds[inside], 0.5 * TESSERA)
    return spread + rng.normal(0.0, 1.0, spread.shape)


def glass_colours(rng: np.random.Generator, seeds: Floats, regions: Floats) -> Floats:
    """One colour for each piece: a pinwheel of warm and cool rays above, banded grounds below."""
    dx, dy = (seeds - GLASS_SUN).T
    distance = np.hypot(dx, dy)
    turn = np.arctan2(dy, dx)
    ray = np.sin(9.0 * turn + distance / 120.0) + 0.35 * np.sin(18.0 * turn - distance / 90.0)
    along = np.clip(distance / 880.0 + rng.normal(0.0, 0.035, len(seeds)), 0.0, 1.0)
    warm = smoothstep(-0.25, 0.25, ray) * (1.0 - 0.35 * smoothstep(500.0, 1000.0, distance))
    colours = mix(ramp(COOL, along**0.8), ramp(WARM, along**0.9), warm)
    for number, ((_, stops), top) in enumerate(zip(GROUNDS, outlines(), strict=True), start=1):
        here = regions == number
        columns = np.clip(seeds[here, 0], 0, DRAWN[0] - 1).astype(np.intp)
        depth = seeds[here, 1] - top[columns]
        light = 0.45 - 0.45 * np.sin(depth / 21.0 + seeds[here, 0] / 260.0)
        glint = 0.5 * np.exp(-(((seeds[here, 0] - GLASS_SUN[0]) / 190.0) ** 2))
        tone = 0.8 * light + glint + rng.normal(0.0, 0.13, len(depth))
        colours[here] = ramp(stops, np.clip(tone, 0.0, 1.0))
    light = rng.normal(1.0, 0.13, (len(seeds), 1))
    return np.clip(colours * light + rng.normal(0.0, 9.0, colours.shape), 0, 255)


def cells(seeds: Floats, regions: Floats) -> tuple[Indices, Floats]:
    """For every pixel the piece it lies in, and how far the lead of that piece is away."""
    owner = np.zeros((DRAWN[1], DRAWN[0]), dtype=np.intp)
    glass = np.zeros((DRAWN[1], DRAWN[0]))
    tile = 64
    for top in range(0, DRAWN[1], tile):
        for left in range(0, DRAWN[0], tile):
            window = np.s_[top : top + tile, left : left + tile]
            owner[window], glass[window] = tile_cells(seeds, regions, (left, top), tile)
    return owner, glass


def tile_cells(
    seeds: Floats, regions: Floats, corner: tuple[int, int], tile: int
) -> tuple[Indices, Floats]:
    """The cells of one tile: only the seeds in and around it matter."""
    middle = np.array(corner) + tile / 2
    near = np.flatnonzero((np.abs(seeds - middle) < tile / 2 + 3.0 * TESSERA).all(axis=1))
    xs, ys = grid((tile, tile))
    points = np.stack([xs + corner[0], ys + corner[1]], -1)[:, :, None, :]
    squared = ((points - seeds[near]) ** 2).sum(-1)
    nearest = np.argpartition(squared, 6, axis=-1)[..., :6]
    order = np.argsort(np.take_along_axis(squared, nearest, -1), axis=-1)
    nearest = np.take_along_axis(nearest, order, -1)
    squared = np.take_along_axis(squared, nearest, -1)
    names = near[nearest]
    own, others = names[..., :1], names[..., 1:]
    apart = np.linalg.norm(seeds[own] - seeds[others], axis=-1)
    to_edge = (squared[..., 1:] - squared[..., :1]) / (2.0 * apart)
    lead = np.where(regions[own] == regions[others], 1.5, 4.2)
    return names[..., 0], (to_edge - lead).min(axis=-1)


def mosaic(rng: np.random.Generator) -> Image.Image:
    """A sun in leaded glass: rings of tesserae above, rows of them in the hills and the water."""
    seeds = tesserae(rng)
    regions = region_of(seeds)
    colours = glass_colours(rng, seeds, regions)
    owner, glass = cells(seeds, regions)
    xs, ys = grid(DRAWN)
    tilt = rng.normal(0.0, 0.006, (len(seeds), 2))
    within = np.stack([xs, ys], -1) - seeds[owner]
    streaky = noise(rng, DRAWN, (90, 9), octaves=3), noise(rng, DRAWN, (9, 90), octaves=3)
    across = rng.random(len(seeds)) < 0.5
    grain = np.where(across[owner], streaky[0], streaky[1])
    light = 1.0 + 0.085 * grain + (within * tilt[owner]).sum(-1)
    light *= 0.80 + 0.26 * smoothstep(0.0, 9.0, glass)
    panes = colours[owner] * light[..., None]
    picture = mix(ramp((LEAD, LEAD), glass), panes, smoothstep(-0.8, 0.8, glass))
    ripple = 0.05 * noise(rng, DRAWN, (16, 16), octaves=3)
    rounded = 0.9 * smoothstep(-1.0, 7.0, glass) + ripple * smoothstep(0.0, 3.0, glass)
    return lit(picture, rounded, depth=1.5)


PICTURES: dict[str, tuple[int, Callable[[np.random.Generator], Image.Image]]] = {
    "swirls": (1889, swirls),
    "mosaic": (1220, mosaic),
    "woodblock": (1831, woodblock),
    "embers": (1893, embers),
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
    photographs.extract(PHOTOS)


if __name__ == "__main__":
    main()
