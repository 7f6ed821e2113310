"""A woodblock print: rows of breaking waves in indigo, ochre and paper white."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from samples.brush import (
    DRAWN,
    Floats,
    grid,
    mix,
    noise,
    ramp,
)

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
    """Return the outline of a row of waves (trochoids leaning to the right) and their lean."""
    turns = DRAWN[0] / length + 2.0
    phase = np.linspace(-1.0, turns, int(turns * 240)) * 2.0 * np.pi + rng.uniform(0.0, 6.0)
    swell = 1.0 + 0.22 * np.sin(phase * 0.41 + rng.uniform(0.0, 6.0))
    lift = ((1.0 - np.cos(phase)) / 2.0) ** 1.6
    lean = 0.62 * height * swell * lift**3
    xs = length * (phase / (2.0 * np.pi) + 0.085 * np.sin(phase)) + lean - length
    return np.stack([xs, base - height * swell * lift], axis=-1), lean


def line_of(points: Floats) -> list[tuple[float, float]]:
    """Convert points to the form that Pillow expects."""
    return [(float(x), float(y)) for x, y in points]


def print_wave(image: Image.Image, crest: Floats, lean: Floats, inks: tuple[str, str]) -> None:
    """Print a row of waves: its body, and stripes that follow the crest and flatten below it."""
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
    """Draw a scalloped white lip along the crest, larger towards the tips, and spray."""
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
    """Return x, y and radius of adjacent circles along the upper part of the crest."""
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
    """Draw a filled circle."""
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)


def print_sky(rng: np.random.Generator) -> Image.Image:
    """Print the sky: indigo that fades towards the horizon, an ochre sun, mist and far hills."""
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
    """Return the height of a chain of hills above its foot, about 0 to 1, by x (axis 1)."""
    coarse = noise(rng, (DRAWN[0], 2), (340 - 50 * near, 2), octaves=4)[:1]
    return 0.35 + 0.3 * coarse


def print_mist(pen: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    """Print banks of mist: bars with round ends that overlap like steps."""
    for x, y in ((90.0, 150.0), (610.0, 268.0), (980.0, 95.0), (-60.0, 420.0), (420.0, 440.0)):
        for step in range(3):
            left = x + rng.uniform(0.0, 150.0)
            box = (left, y + 19.0 * step, left + rng.uniform(200.0, 330.0), y + 19.0 * step + 20.0)
            pen.rounded_rectangle(box, radius=10, fill=PAPER)


def press(rng: np.random.Generator, image: Image.Image) -> Image.Image:
    """Add the traces of printing: wood grain, paper fibres and uneven pressure."""
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
    """Return a map of short bent fibres in all directions: 1 on a fibre, 0 elsewhere."""
    sheet = Image.new("L", DRAWN, 0)
    pen = ImageDraw.Draw(sheet)
    for x, y in rng.uniform((0, 0), DRAWN, (2600, 2)):
        turn = rng.uniform(0.0, 2.0 * np.pi) + np.linspace(0.0, rng.normal(0.0, 1.3), 7)
        hair = np.cumsum(rng.uniform(3.0, 9.0) * np.stack([np.cos(turn), np.sin(turn)], -1), 0)
        pen.line(line_of(hair + np.array((x, y))), fill=int(rng.uniform(70, 255)), width=2)
    return np.asarray(sheet, dtype=np.float64) / 255.0


def draw(rng: np.random.Generator) -> Image.Image:
    """Draw the picture."""
    image = print_sky(rng)
    for base, length, height, body, stripe in WAVES:
        crest, lean = wave_crest(rng, base, length, height)
        print_wave(image, crest, lean, (body, stripe))
        foam(ImageDraw.Draw(image), rng, crest)
    return press(rng, image)
