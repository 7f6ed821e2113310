"""A sun in leaded glass: rings of bevelled tesserae above, rows of tesserae below."""

from __future__ import annotations

import numpy as np
from PIL import Image

from samples.brush import (
    DRAWN,
    Floats,
    Indices,
    grid,
    lit,
    mix,
    noise,
    ramp,
    ridge,
    smoothstep,
)

TESSERA = 30.0
GLASS_SUN = (470.0, 395.0)
LEAD = "#15120f"
WARM = ("#fff1b0", "#ffd24a", "#f9a01f", "#e8641b", "#c8321f", "#8f1d3a", "#4a1a4d")
COOL = ("#fff1b0", "#f8e39a", "#8fd3c1", "#3aa6b5", "#1f74a8", "#1c4a8c", "#152a5c")
# The grounds below the sky, far to near: outline (base, swing, length, phase) and colours.
GROUNDS = (
    ((690.0, 46.0, 175.0, 0.3), ("#3c2f72", "#5a4796", "#8a5aa0", "#b985b0")),
    ((765.0, 40.0, 205.0, 2.4), ("#0e4a4f", "#16706a", "#2f9a7c", "#8cc9a0")),
    ((855.0, 34.0, 260.0, 4.3), ("#2b6a1f", "#5c9a2c", "#a7c23c", "#e3dc62")),
    ((940.0, 22.0, 170.0, 1.2), ("#123a8a", "#1f6fc0", "#4fb0d8", "#c8ecec")),
)


def outlines() -> list[Floats]:
    """Return the upper edge of every ground, by x."""
    xs = np.arange(DRAWN[0], dtype=np.float64)
    return [ridge(xs, *shape) for shape, _ in GROUNDS]


def region_of(points: Floats) -> Floats:
    """Return the ground of each point, counted from 1; 0 is the sky."""
    columns = np.clip(points[:, 0], 0, DRAWN[0] - 1).astype(np.intp)
    region = np.zeros(len(points))
    for number, top in enumerate(outlines(), start=1):
        region[points[:, 1] > top[columns]] = number
    return region


def courses(spacing: float) -> Floats:
    """Place tesserae along both sides of every outline, so that the outline stays sharp."""
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
    """Place tesserae in rings round the sun, small near it and larger further out."""
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
    """Place tesserae in rows that repeat the outline of each ground downwards."""
    rows = []
    for top in outlines():
        for row in range(2, 16):
            columns = np.arange(-(row % 2) * spacing / 2, DRAWN[0], 1.12 * spacing)
            ys = np.interp(columns, np.arange(len(top)), top) + (row + 0.5) * spacing
            rows.append(np.stack([columns, ys], -1))
    return np.concatenate(rows)


def thinned(seeds: Floats, closest: float) -> Floats:
    """Remove every seed that is too close to an earlier one."""
    kept = np.empty_like(seeds)
    count = 0
    for seed in seeds:
        gaps = np.abs(kept[:count] - seed)
        if not count or (np.hypot(gaps[:, 0], gaps[:, 1]) > closest).all():
            kept[count] = seed
            count += 1
    return kept[:count]


def tesserae(rng: np.random.Generator) -> Floats:
    """Return the centre of every piece of glass. Courses have priority over the others."""
    seeds = np.concatenate([courses(0.8 * TESSERA), rings(rng), terraces(0.85 * TESSERA)])
    inside = ((seeds > -40.0) & (seeds < np.array(DRAWN) + 40.0)).all(axis=1)
    spread = thinned(seeds[inside], 0.5 * TESSERA)
    return spread + rng.normal(0.0, 1.0, spread.shape)


def glass_colours(rng: np.random.Generator, seeds: Floats, regions: Floats) -> Floats:
    """Colour each piece: warm and cool rays in the sky, bands in the grounds."""
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
    """Return the piece of every pixel, and the pixel's distance to the lead of that piece."""
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
    """Return the cells of one tile, from the seeds in and around it."""
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


def draw(rng: np.random.Generator) -> Image.Image:
    """Draw the picture."""
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
