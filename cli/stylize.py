"""``easel stylize``: the optimiser without a server."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from cli.fetching import fetch_with_progress
from core.errors import FieldError, InvalidRequest
from core.examining import examine
from core.params import PictureFormat, StyleParams, parse_params
from core.pictures import Pictures
from core.settings import Settings
from core.uploads import Upload, Uploads, start_from

if TYPE_CHECKING:
    from core.encoding import Encoded


def _parameter_options(command: click.Command) -> click.Command:
    """An option for every parameter but the format, which the file's name gives."""
    for name, field in StyleParams.model_fields.items():
        if name != "format":
            default = field.default
            if isinstance(default, tuple):
                default = ",".join(default) or "equal"
            help_text = f"{field.description} [default: {default}]"
            flag = f"--{name.replace('_', '-')}"
            command.params.append(click.Option([flag, name], help=help_text, metavar="VALUE"))
    return command


_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@_parameter_options
@click.command()
@click.argument("content", type=_FILE)
@click.argument("style", type=_FILE, nargs=-1, required=True)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="Where the result goes: a .png, .jpg, .webp or .tif file.",
)
@click.option("--init-image", type=_FILE, help="A picture to start from.")
@click.option("--content-mask", type=_FILE, help="Regions of CONTENT: every colour is a label.")
@click.option(
    "--style-mask", type=_FILE, multiple=True, help="Regions of a STYLE; once for each, in order."
)
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
    params = parse_params({**start_from(init_image), **given, "format": _format_of(output)})
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
    _check_writable(output)
    file = _paint(pictures, params, settings)
    output.write_bytes(file.data)
    click.echo(output)


def _paint(pictures: Pictures, params: StyleParams, settings: Settings) -> Encoded:
    from core import nst  # torch; not paid by the other commands
    from core.encoding import encode

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


def _format_of(output: Path) -> str:
    extension = output.suffix.lower().removeprefix(".")
    known = {"jpg": "jpeg", "tif": "tiff", **{each.value: each.value for each in PictureFormat}}
    if extension not in known:
        endings = ", ".join(f".{each}" for each in known)
        raise InvalidRequest(
            [FieldError("output", f"{output.name!r} has no known ending; use one of {endings}")]
        )
    return known[extension]


def _read(*paths: Path | None) -> list[Upload]:
    return [Upload(str(path), path.read_bytes()) for path in paths if path is not None]


def _check_writable(output: Path) -> None:
    """Better now than after the work."""
    target = output if output.exists() else output.parent
    if not os.access(target, os.W_OK):
        raise InvalidRequest([FieldError("output", f"{output} cannot be written")])
