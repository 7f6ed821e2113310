"""``easel stylize``: the optimiser without a server."""

from __future__ import annotations

import os
from pathlib import Path

import click
from PIL import Image
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from cli.fetching import fetch_with_progress
from core import images
from core.errors import FieldError, InvalidPicture, InvalidRequest
from core.params import PictureFormat, StyleParams, parse_params
from core.settings import Settings


def _parameter_options(command: click.Command) -> click.Command:
    """An option for every parameter but the format, which the file's name gives."""
    for name, field in StyleParams.model_fields.items():
        if name != "format":
            help_text = f"{field.description} [default: {field.default}]"
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
    help="Where the result goes: a .png, .jpg or .webp file.",
)
def stylize(content: Path, style: tuple[Path, ...], output: Path, **options: str | None) -> None:
    """Paint the picture CONTENT in the style of STYLE (one or more pictures)."""
    given = {name: value for name, value in options.items() if value is not None}
    params = parse_params({**given, "format": _format_of(output)})
    settings = Settings()
    pictures = [_open(path, settings) for path in (content, *style)]
    _check_writable(output)
    picture = _paint(pictures[0], pictures[1:], params, settings)
    output.write_bytes(images.encode(picture, params.format, params.quality).data)
    click.echo(output)


def _paint(
    content: Image.Image, styles: list[Image.Image], params: StyleParams, settings: Settings
) -> Image.Image:
    from core import nst  # torch; not paid by the other commands

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
        for step in nst.stylize(nst.Pictures(content, styles), params, network):
            bar.update(task, completed=step.step, total=step.steps, loss=float(step.loss.total))
    return step.picture()


def _format_of(output: Path) -> str:
    extension = output.suffix.lower().removeprefix(".")
    known = {"jpg": "jpeg", **{each.value: each.value for each in PictureFormat}}
    if extension not in known:
        endings = ", ".join(f".{each}" for each in known)
        raise InvalidRequest(
            [FieldError("output", f"{output.name!r} has no known ending; use one of {endings}")]
        )
    return known[extension]


def _open(path: Path, settings: Settings) -> Image.Image:
    try:
        return images.decode(path.read_bytes(), max_pixels=settings.max_picture_pixels)
    except InvalidPicture as error:
        raise error.named(str(path)) from error


def _check_writable(output: Path) -> None:
    """Better now than after the work."""
    target = output if output.exists() else output.parent
    if not os.access(target, os.W_OK):
        raise InvalidRequest([FieldError("output", f"{output} cannot be written")])
