"""The pictures of ``docs/``: ``make figures``.

Each figure is a row of pictures that differ in one parameter. The pictures are made from
``samples/`` with the preset ``fast`` and written to ``docs/images/``.
"""

from __future__ import annotations

import argparse
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from core.nst import VGG19, Pictures, Step, load_network, pick_device, stylize
from core.params import Network, Preset, parse_params
from core.settings.model import Settings

ROOT = Path(__file__).parent.parent
SAMPLES = ROOT / "samples"
IMAGES = ROOT / "docs" / "images"

_SIZE = 256
#: Pixels between two pictures.
GAP = 6
CAPTION = 18


@dataclass(frozen=True)
class Figure:
    """A row of pictures that differ in one parameter."""

    name: str
    #: The parameters of each picture, which its caption shows.
    variants: Sequence[Mapping[str, Any]]
    content: str = "cat"
    styles: Sequence[str] = ("embers",)
    common: Mapping[str, Any] = field(default_factory=dict)


FIGURES = (
    Figure("presets", [{"preset": p} for p in Preset]),
    Figure("steps", [{"steps": n} for n in (5, 15, 60, 240)]),
    Figure("content_weight", [{"content_weight": w} for w in (0, 0.3, 3, 30)]),
    Figure("strength", [{"strength": s} for s in (0, 0.25, 0.5, 0.75, 1)]),
    Figure("style_weight", [{"style_weight": w} for w in (1, 5, 20, 100, 1000)]),
    Figure("optimizer", [{"optimizer": "lbfgs"}, {"optimizer": "adam"}], common={"steps": 100}),
    Figure(
        "learning_rate",
        [{"learning_rate": rate} for rate in (0.005, 0.02, 0.1)],
        common={"optimizer": "adam", "steps": 100},
    ),
    Figure("init", [{"init": start} for start in ("content", "style", "noise")]),
    Figure("seed", [{"seed": n} for n in (0, 1, 2)], common={"init": "noise"}),
    Figure("pyramid", [{"pyramid": p} for p in ("off", "128:2", "64:2")]),
    Figure("pooling", [{"pooling": p} for p in ("max", "average")]),
    Figure("padding", [{"padding": p} for p in ("zero", "replicate")]),
    Figure("style_scale", [{"style_scale": s} for s in (0.5, 1, 2)], styles=["mosaic"]),
    Figure("tv_weight", [{"tv_weight": w} for w in (0, 30, 300, 3000)]),
    Figure(
        "style_layers",
        [
            {"style_layers": layers}
            for layers in ("conv1_1,conv2_1", "conv3_1,conv4_1", "conv4_1,conv5_1")
        ],
    ),
    Figure(
        "style_layer_weights",
        [{"style_layer_weights": weights} for weights in ("4,2,1,1,1", "1,1,1,1,1", "1,1,1,2,4")],
    ),
    Figure(
        "content_layers", [{"content_layers": name} for name in ("conv2_2", "conv4_2", "conv5_1")]
    ),
    Figure(
        "style_blend",
        [{"style_blend": blend} for blend in ("1,0", "1,1", "0,1")],
        styles=["woodblock", "embers"],
    ),
    Figure("color", [{"color": color} for color in ("style", "match", "content")]),
    Figure("precision", [{"precision": p} for p in ("float32", "bfloat16", "int8")]),
)


def draw_variant(network: VGG19, figure: Figure, params: Mapping[str, Any]) -> Image.Image:
    """Return one picture of a figure."""
    return stylize_files(
        network,
        SAMPLES / "photos" / f"{figure.content}.jpg",
        [SAMPLES / "styles" / f"{name}.jpg" for name in figure.styles],
        {"size": _SIZE, "preset": "fast", **figure.common, **params},
    )


def stylize_files(
    network: VGG19, content: Path, styles: Sequence[Path], params: Mapping[str, Any]
) -> Image.Image:
    """Stylise a photograph with one or more paintings."""
    pictures = Pictures(read(content), [read(style) for style in styles])
    return last_step(stylize(pictures, parse_params(params), network)).picture()


def last_step(steps: Iterable[Step]) -> Step:
    """Return the last step without keeping the others, which hold the optimiser's state."""
    (step,) = deque(steps, maxlen=1)
    return step


def read(path: Path) -> Image.Image:
    """Read a picture in RGB."""
    return Image.open(path).convert("RGB")


def draw_masks(network: VGG19) -> Image.Image:
    """Show a photograph, its mask, and the result: the cup in one style, the rest in another."""
    content = read(SAMPLES / "photos" / "coffee.jpg")
    mask = Image.new("RGB", content.size, "#0000ff")
    ImageDraw.Draw(mask).ellipse((70, 10, 430, 390), fill="#ff0000")
    styles = [read(SAMPLES / "styles" / f"{name}.jpg") for name in ("woodblock", "mosaic")]
    flat = [Image.new("RGB", styles[0].size, name) for name in ("#0000ff", "#ff0000")]
    pictures = Pictures(content, styles, content_mask=mask, style_masks=flat)
    params = parse_params({"size": _SIZE, "preset": "fast"})
    result = last_step(stylize(pictures, params, network)).picture()
    small = [each.resize(result.size) for each in (content, mask)]
    return row([*small, result], ["content", "content_mask", "result"])


def draw_detail_map(network: VGG19) -> Image.Image:
    """Show a portrait, its detail map, and the results without and with the map."""
    box = (80, 0, 380, 300)  # head and shoulders
    content = read(SAMPLES / "photos" / "astronaut.jpg").crop(box)
    style = read(SAMPLES / "styles" / "mosaic.jpg")
    detail_map = Image.new("L", content.size, 128)
    ImageDraw.Draw(detail_map).ellipse((70, 8, 225, 195), fill=255)
    params = parse_params({"size": _SIZE, "preset": "fast"})
    results = [
        last_step(stylize(Pictures(content, [style], detail_map=each), params, network)).picture()
        for each in (None, detail_map)
    ]
    small = [each.convert("RGB").resize(results[0].size) for each in (content, detail_map)]
    return row([*small, *results], ["content", "detail_map", "without", "with"])


def draw_init_image(network: VGG19) -> Image.Image:
    """Show an initial picture, and the results from the content and from that picture."""
    content, own = (read(SAMPLES / "photos" / f"{name}.jpg") for name in ("cat", "rocket"))
    style = read(SAMPLES / "styles" / "embers.jpg")
    chosen = {"size": _SIZE, "preset": "fast", "pyramid": "off"}
    results = []
    for init, image in (("content", None), ("image", own)):
        pictures = Pictures(content, [style], init_image=image)
        params = parse_params({**chosen, "init": init})
        results.append(last_step(stylize(pictures, params, network)).picture())
    return row(
        [own.resize(results[0].size), *results], ["init_image", "init=content", "init=image"]
    )


def draw_sizes(network: VGG19) -> Image.Image:
    """Show the same request at several sizes, all resized to one."""
    paths = SAMPLES / "photos" / "cat.jpg", SAMPLES / "styles" / "embers.jpg"
    requested = (256, 512, 1024)
    results = [
        stylize_files(network, paths[0], paths[1:], {"preset": "fast", "size": size})
        for size in requested
    ]
    shown = [result.resize(results[1].size, Image.Resampling.LANCZOS) for result in results]
    return row(shown, [f"size={size}" for size in requested])


def draw_before_after(network: VGG19) -> Image.Image:
    """Make the first picture of the README, with all defaults."""
    paths = SAMPLES / "photos" / "cat.jpg", SAMPLES / "styles" / "embers.jpg"
    content, style = (read(path) for path in paths)
    result = stylize_files(network, paths[0], paths[1:], {})
    width = round(style.width * result.height / style.height)
    shown = [content.resize(result.size), style.resize((width, result.height)), result]
    return row(shown, ["photograph", "painting", "result"])


def row(pictures: Sequence[Image.Image], captions: Sequence[str]) -> Image.Image:
    """Place pictures side by side, with captions below."""
    width = sum(picture.width + GAP for picture in pictures) - GAP
    height = max(picture.height for picture in pictures) + CAPTION
    sheet = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(sheet)
    left = 0
    for picture, caption in zip(pictures, captions, strict=True):
        sheet.paste(picture, (left, 0))
        draw.text((left + 2, picture.height + 3), caption, fill="black")
        left += picture.width + GAP
    return sheet


def draw_figure(network: VGG19, figure: Figure) -> Image.Image:
    """Make a figure with its captions."""
    captions = [", ".join(f"{k}={v}" for k, v in each.items()) for each in figure.variants]
    return row([draw_variant(network, figure, each) for each in figure.variants], captions)


#: The function that makes each file, by the file's name.
SHEETS: dict[str, Callable[[VGG19], Image.Image]] = {
    **{figure.name: partial(draw_figure, figure=figure) for figure in FIGURES},
    "masks": draw_masks,
    "detail_map": draw_detail_map,
    "init_image": draw_init_image,
    "size": draw_sizes,
    "before-after": draw_before_after,
}


def main() -> None:
    """Make the figures that the command line names, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(SHEETS)}")
    names = parser.parse_args().names or list(SHEETS)
    network = load_network(Network.NORMALIZED, Settings().weights_dir, pick_device())
    IMAGES.mkdir(exist_ok=True)
    for name in names:
        SHEETS[name](network).save(IMAGES / f"{name}.jpg", quality=88)


if __name__ == "__main__":
    main()
