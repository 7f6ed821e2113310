"""Leaves and birds cut from painted paper, glued on blocks of colour."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from samples.brush import DRAWN, Floats, noise

BLOCKS = ("#f2ede0", "#1747a6", "#f3b51b", "#0c7a5c", "#e4572e", "#f4c6cf", "#171717", "#7fb7d9")
PAPERS = ("#e4572e", "#f2ede0", "#0f8f6b", "#1747a6", "#f7c331", "#171717", "#e58fae", "#8f2d56")
COLUMNS, ROWS = 5, 4


def gouache(rng: np.random.Generator, colour: str, upright: bool) -> Image.Image:
    """Return a sheet that was painted with a broad brush."""
    cell = (4, 420) if upright else (420, 4)
    tone = 1.0 + 0.045 * noise(rng, DRAWN, cell, 3) + 0.015 * noise(rng, DRAWN, (3, 3))
    flat = np.asarray(Image.new("RGB", DRAWN, colour), dtype=np.float64)
    return Image.fromarray(np.clip(flat * tone[..., None], 0, 255).astype(np.uint8))


def frond(rng: np.random.Generator, x: float, y: float, size: float) -> Floats:
    """Return the outline of a seaweed leaf: lobes on both sides of a bent stem."""
    turn = rng.uniform(0, 2 * np.pi)
    lobes = int(rng.integers(5, 9))
    t = np.linspace(0, 1, 420)
    round_trip = 1.0 - np.abs(2.0 * t - 1.0)
    side = np.where(t < 0.5, 1.0, -1.0)
    swing = 0.5 + 0.5 * np.cos(2 * np.pi * lobes * round_trip + np.pi)
    wide = size * (0.07 + 0.40 * swing**0.7 * np.sin(np.pi * np.clip(round_trip, 0.02, 1)) ** 0.5)
    along = size * (2.0 * round_trip - 1.0) - 0.5 * wide * swing
    bend = 0.22 * size * np.sin(np.pi * round_trip)
    px, py = along, side * wide + bend
    turned_x = x + px * np.cos(turn) - py * np.sin(turn)
    return np.stack([turned_x, y + px * np.sin(turn) + py * np.cos(turn)], axis=-1)


def pebble(rng: np.random.Generator, x: float, y: float, size: float) -> Floats:
    """Return the outline of a rounded shape."""
    turn = np.linspace(0, 2 * np.pi, 160)
    oval = 0.16 * np.cos(2 * turn + rng.uniform(0, 6))
    radius = size * (0.62 + oval + 0.10 * np.cos(3 * turn + rng.uniform(0, 6)))
    return np.stack([x + radius * np.cos(turn), y + radius * np.sin(turn)], axis=-1)


def draw(rng: np.random.Generator) -> Image.Image:
    """Draw the picture."""
    painting = gouache(rng, BLOCKS[0], upright=True)
    sheets = {
        colour: gouache(rng, colour, bool(rng.random() < 0.5))
        for colour in dict.fromkeys((*BLOCKS, *PAPERS))
    }

    def glue(outline: Floats, colour: str) -> None:
        """Cut a shape from a sheet and glue it, with the thin shadow of its edge."""
        cut = Image.new("L", DRAWN, 0)
        ImageDraw.Draw(cut).polygon([(float(x), float(y)) for x, y in outline], fill=255)
        cut = cut.filter(ImageFilter.GaussianBlur(1.0))
        shadow = Image.new("L", DRAWN, 0)
        shadow.paste(cut.point(lambda level: level * 0.42), (4, 5))
        painting.paste((20, 18, 24), (0, 0), shadow.filter(ImageFilter.GaussianBlur(3)))
        painting.paste(sheets[colour], (0, 0), cut)

    wide, high = DRAWN[0] / COLUMNS, DRAWN[1] / ROWS
    previous = ""
    for row in range(ROWS):
        for column in range(COLUMNS):
            block = str(rng.choice([each for each in BLOCKS if each != previous]))
            previous = block
            x, y = column * wide, row * high
            corners = np.array([(x, y), (x + wide, y), (x + wide, y + high), (x, y + high)])
            glue(corners + rng.uniform(-9, 9, (4, 2)), block)
            paper = str(rng.choice([each for each in PAPERS if each != block]))
            shape = frond if rng.random() < 0.72 else pebble
            glue(shape(rng, x + wide / 2, y + high / 2, min(wide, high) * 0.47), paper)
            if shape is pebble:
                inner = str(rng.choice([each for each in PAPERS if each not in (block, paper)]))
                glue(frond(rng, x + wide / 2, y + high / 2, min(wide, high) * 0.24), inner)
    return painting
