"""Tools for drawing the style pictures: noise, colour ramps, oil strokes and raking light."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor, ImageDraw, ImageFilter

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Indices = NDArray[np.intp]
Size = tuple[int, int]

#: The size of a finished picture, and the size it is drawn at for antialiasing.
FINISHED: Size = (640, 512)
DRAWN: Size = (FINISHED[0] * 2, FINISHED[1] * 2)

PATH_STEPS = 10
LIGHT = (-0.6, -0.8)  # the raking light falls from the upper left


@dataclass(frozen=True)
class Layer:
    """One pass of the brush: the spacing, width and length of its strokes, in pixels."""

    spacing: float
    width: float
    length: float


@dataclass(frozen=True)
class Scene:
    """The colour and the stroke direction of every pixel."""

    colours: Floats
    angles: Floats

    @property
    def size(self) -> Size:
        """Width and height in pixels."""
        return self.angles.shape[1], self.angles.shape[0]


def grid(size: Size) -> tuple[Floats, Floats]:
    """Return the x and the y of every pixel."""
    ys, xs = np.mgrid[0 : size[1], 0 : size[0]].astype(np.float64)
    return xs, ys


def ramp(stops: Sequence[str], where: Floats) -> Floats:
    """Interpolate evenly spaced hex colours; `where` runs from 0 (first) to 1 (last)."""
    table = np.array([ImageColor.getrgb(stop)[:3] for stop in stops], dtype=np.float64)
    positions = np.linspace(0.0, 1.0, len(stops))
    return np.stack([np.interp(where, positions, table[:, band]) for band in range(3)], axis=-1)


def mix(under: Floats, over: Floats, share: Floats) -> Floats:
    """Blend `over` onto `under`, pixel by pixel."""
    weight = np.clip(share, 0.0, 1.0)[..., None]
    return under * (1.0 - weight) + over * weight


def smoothstep(low: Floats | float, high: Floats | float, values: Floats) -> Floats:
    """Rise smoothly from 0 at `low` to 1 at `high`."""
    t = np.clip((values - low) / (high - low), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def resize(values: Floats, size: Size) -> Floats:
    """Interpolate a map to another size."""
    image = Image.fromarray(values.astype(np.float32))
    return np.asarray(image.resize(size, Image.Resampling.BICUBIC), dtype=np.float64)


def blurred(values: Floats, radius: float) -> Floats:
    """Blur a map of values between 0 and 1."""
    levels = Image.fromarray((np.clip(values, 0, 1) * 255).astype(np.uint8))
    soft = levels.filter(ImageFilter.GaussianBlur(radius))
    return np.asarray(soft, dtype=np.float64) / 255.0


def noise(rng: np.random.Generator, size: Size, cell: Size, octaves: int = 1) -> Floats:
    """Return smooth fractal noise of mean 0 and deviation 1; `cell` is its coarsest scale."""
    total = np.zeros((size[1], size[0]))
    for octave in range(octaves):
        columns = max(2, round(size[0] * 2**octave / cell[0]) + 1)
        rows = max(2, round(size[1] * 2**octave / cell[1]) + 1)
        total += resize(rng.standard_normal((rows, columns)), size) / 2**octave
    centred: Floats = (total - total.mean()) / total.std()
    return centred


def sample(values: Floats, points: Floats) -> Floats:
    """Look up a map at (x, y) points, clamped to its borders."""
    height, width = values.shape[:2]
    xs = np.clip(points[..., 0], 0, width - 1).astype(np.intp)
    ys = np.clip(points[..., 1], 0, height - 1).astype(np.intp)
    looked_up: Floats = values[ys, xs]
    return looked_up


def advance(angles: Floats, points: Floats, step: Floats | float) -> Floats:
    """Move points one step along the direction field."""
    angle = sample(angles, points)
    return points + np.stack([np.cos(angle), np.sin(angle)], axis=-1) * step


def streaks(rng: np.random.Generator, angles: Floats, grain: int, reach: float) -> Floats:
    """Return noise smeared along the direction field; mean 0, deviation 1."""
    height, width = angles.shape
    small = (width // 4, height // 4)
    source = noise(rng, (width, height), (grain, grain), octaves=2)
    xs, ys = grid(small)
    start = np.stack([xs, ys], axis=-1) * 4.0
    total = np.zeros((small[1], small[0]))
    for direction in (4.0, -4.0):
        points = start
        for _ in range(int(reach / 4.0)):
            total += sample(source, points)
            points = advance(angles, points, direction)
    return resize((total - total.mean()) / total.std(), (width, height))


def jittered_starts(rng: np.random.Generator, size: Size, spacing: float) -> Floats:
    """Return shuffled points that cover the canvas evenly but irregularly."""
    xs = np.arange(-spacing, size[0] + spacing, spacing)
    ys = np.arange(-spacing, size[1] + spacing, spacing)
    points = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2)
    points = points + rng.uniform(-0.7, 0.7, points.shape) * spacing
    rng.shuffle(points)
    return points


def ridge(xs: Floats, base: float, swing: float, length: float, phase: float) -> Floats:
    """Return the outline of a hill, the sum of two sines, by x."""
    return (
        base
        + swing * np.sin(xs / length + phase)
        + 0.35 * swing * np.sin(2.3 * xs / length + 2 * phase)
    )


class Canvas:
    """A canvas with oil paint: the colour and the thickness at every pixel."""

    def __init__(self, rng: np.random.Generator, ground: Floats) -> None:
        self._rng = rng
        self._paint = Image.fromarray(np.clip(ground, 0, 255).astype(np.uint8))
        self._relief = Image.new("L", self._paint.size, 60)
        self._paint_pen = ImageDraw.Draw(self._paint)
        self._relief_pen = ImageDraw.Draw(self._relief)

    def cover(self, scene: Scene, layer: Layer, where: Mask | None = None) -> None:
        """Paint strokes over the scene, or over the masked part of it."""
        starts = jittered_starts(self._rng, scene.size, layer.spacing)
        if where is not None:
            starts = starts[sample(where.astype(np.float64), starts) > 0.5]
        lengths = layer.length * self._rng.uniform(0.6, 1.4, len(starts))
        widths = layer.width * self._rng.uniform(0.65, 1.35, len(starts))
        paths = self._trace(scene.angles, starts, lengths)
        colours = self._load(sample(scene.colours, paths[:, PATH_STEPS // 2]))
        for path, width, colour in zip(paths, widths, colours, strict=True):
            self._stroke(path, float(width), colour)

    def finish(self, depth: float) -> Image.Image:
        """Return the painting under raking light."""
        relief = self._relief.filter(ImageFilter.GaussianBlur(1.1))
        height = np.asarray(relief, dtype=np.float64) / 255.0
        return lit(np.asarray(self._paint, dtype=np.float64), height, depth)

    def _trace(self, angles: Floats, starts: Floats, lengths: Floats) -> Floats:
        """Follow the field from every start. The shape is strokes x points x 2."""
        points = [starts]
        step = (lengths / PATH_STEPS)[:, None]
        for _ in range(PATH_STEPS):
            points.append(advance(angles, points[-1], step))
        return np.stack(points, axis=1)

    def _load(self, colours: Floats) -> Floats:
        """Vary the light and the hue from stroke to stroke, like hand-mixed paint."""
        light = self._rng.normal(1.0, 0.10, (len(colours), 1))
        hue = self._rng.normal(0.0, 7.0, colours.shape)
        return np.clip(colours * light + hue, 0, 255)

    def _stroke(self, path: Floats, width: float, colour: Floats) -> None:
        """Paint a stroke of parallel bristles, each with its own shade and its own ends."""
        tangent = np.gradient(path, axis=0)
        norm = np.hypot(tangent[:, 0], tangent[:, 1])[:, None] + 1e-9
        normal = np.stack([-tangent[:, 1], tangent[:, 0]], axis=-1) / norm
        taper = np.sin(np.linspace(0.18, np.pi - 0.12, len(path)))[:, None] ** 0.5
        count = max(3, round(width / 2.6))
        thickness = round(width / count) + 1
        across = np.linspace(-0.5, 0.5, count)
        shades = np.clip(colour + self._rng.normal(0.0, 11.0, (count, 1)), 0, 255)
        ridges = 105 + 110 * np.abs(across) + self._rng.normal(0.0, 26.0, count)
        trims = self._rng.integers(0, 3, (count, 2))
        for bristle in self._rng.permutation(count):
            line = path + normal * taper * across[bristle] * width
            line = line[trims[bristle, 0] : len(line) - trims[bristle, 1]]
            points = [(float(x), float(y)) for x, y in line]
            red, green, blue = (int(band) for band in shades[bristle])
            self._paint_pen.line(points, (red, green, blue), thickness, joint="curve")
            self._relief_pen.line(points, int(np.clip(ridges[bristle], 0, 255)), thickness)


def lit(paint: Floats, height: Floats, depth: float, gloss: float = 60.0) -> Image.Image:
    """Shade a surface by the slope of its height map: diffuse light and a little gloss."""
    slope_y, slope_x = np.gradient(height)
    facing = depth * (slope_x * -LIGHT[0] + slope_y * -LIGHT[1])
    shade = np.clip(1.0 + facing, 0.55, 1.5)[..., None]
    shine = gloss * np.clip(facing - 0.28, 0.0, 0.6)[..., None]
    return Image.fromarray(np.clip(paint * shade + shine, 0, 255).astype(np.uint8))
