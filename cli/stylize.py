"""``easel stylize``: the optimiser without a server."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from cli.options import check_writable, format_of, parameter_options, picture_options
from cli.weights import fetch_with_progress
from core.params import StyleParams, parse_params
from core.pictures.bundle import Pictures
from core.pictures.inputs import Upload, Uploads, start_from
from core.pictures.inspection import examine
from core.runtime.malloc import keep_freed_memory
from core.settings.model import Settings

if TYPE_CHECKING:
    from core.pictures.encode import Encoded


@parameter_options
@click.command()
@picture_options
def stylize(
    content: Path,
    style: tuple[Path, ...],
    output: Path,
    init_image: Path | None,
    content_mask: Path | None,
    style_mask: tuple[Path, ...],
    **options: str | None,
) -> None:
    """Paint the picture CONTENT in the style of STYLE (one or more pictures)."""
    given = {name: value for name, value in options.items() if value is not None}
    params = parse_params({**start_from(init_image), **given, "format": format_of(output)})
    settings = Settings()
    uploads = Uploads.of(
        {
            "content": _read(content),
            "style": _read(*style),
            "init_image": _read(init_image),
            "content_mask": _read(content_mask),
            "style_mask": _read(*style_mask),
        }
    )
    uploads.check(params, partial(examine, max_pixels=settings.max_picture_pixels))
    pictures = uploads.load(settings.max_picture_pixels)
    check_writable(output)
    file = _paint(pictures, params, settings)
    output.write_bytes(file.data)
    click.echo(output)


def _paint(pictures: Pictures, params: StyleParams, settings: Settings) -> Encoded:
    from core import nst  # torch; not paid by the other commands
    from core.pictures.encode import encode

    keep_freed_memory()
    fetch_with_progress(params.network, settings.weights_dir)
    device = nst.pick_device(settings.device)
    network = nst.load_network(params.network, settings.weights_dir, device)
    columns = (
        TextColumn("Step {task.completed}/{task.total}"),
        BarColumn(),
        TextColumn("loss {task.fields[loss]:.4g}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=params.steps, loss=float("nan"))
        for step in nst.stylize(pictures, params, network):
            bar.update(task, completed=step.step, total=step.steps, loss=float(step.loss.total))
    return encode(step.pixels(), pictures.alpha, params.format, params.quality)


def _read(*paths: Path | None) -> list[Upload]:
    return [Upload(str(path), path.read_bytes()) for path in paths if path is not None]
