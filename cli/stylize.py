"""``easel stylize``: run the optimiser without a server."""

from __future__ import annotations

import math
import time
from functools import partial
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from cli.options import JobArguments, takes_job
from cli.weights import fetch_with_progress
from core.params import StyleParams, parse_params
from core.pictures.bundle import Pictures
from core.pictures.inspection import inspect
from core.pictures.uploads import Upload, Uploads, start_from
from core.runtime.cpu import OtherProcesses
from core.runtime.malloc import keep_freed_memory
from core.settings.model import Settings

if TYPE_CHECKING:
    from core.pictures.encode import Encoded


@click.command()
@takes_job
def stylize(job: JobArguments) -> None:
    """Paint the picture CONTENT in the style of one or more pictures STYLE."""
    params = parse_params({**start_from(job.files["init_image"]), **job.parameters})
    settings = Settings()
    uploads = Uploads.of(
        {
            field: [Upload(str(path), path.read_bytes()) for path in paths]
            for field, paths in job.files.items()
        }
    )
    checked = uploads.check(params, partial(inspect, max_pixels=settings.max_picture_pixels))
    for warning in checked.warnings:
        click.echo(f"Warning: {warning}", err=True)
    seconds = math.inf if job.max_seconds is None else job.max_seconds
    file = _paint(uploads.load(settings.max_picture_pixels), params, settings, seconds)
    job.output.write_bytes(file.data)
    click.echo(job.output)


def _paint(pictures: Pictures, params: StyleParams, settings: Settings, seconds: float) -> Encoded:
    # Imports torch, which the other commands do without.
    from core import nst
    from core.pictures.encode import encode
    from worker.host.cores import SharedCores, open_slots
    from worker.host.device import device_of
    from worker.progress import JobTime

    keep_freed_memory()
    others = OtherProcesses()
    device = device_of(settings)
    fetch_with_progress(params.network, settings.weights_dir)
    warning = nst.fallback_warning(params.precision, device)
    if warning:
        click.echo(f"Warning: {warning}", err=True)
    network = nst.load_network(params.network, settings.weights_dir, device)
    columns = (
        TextColumn("Step {task.completed}/{task.total}"),
        BarColumn(),
        TextColumn("loss {task.fields[loss]:.4g}"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with (
        Progress(*columns, console=console) as bar,
        SharedCores(open_slots(settings), others=others.cores).job(),
    ):
        limit = JobTime(seconds, time.monotonic)
        task = bar.add_task("", total=params.steps, loss=float("nan"))
        for step in nst.stylize(pictures, params, network):
            bar.update(task, completed=step.step, total=step.steps, loss=float(step.loss.total))
            if limit.ends_with(step):
                break
    cut = limit.warning(step)
    if cut:
        click.echo(f"Warning: {cut}", err=True)
    return encode(step.pixels(), pictures.alpha, params.format, params.quality)
