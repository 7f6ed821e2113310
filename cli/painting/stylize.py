"""``easel stylize``: run the optimiser without a server."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from cli.files import write_atomically
from cli.options import JobArguments, check_writable, takes_job
from cli.painting.folder import paint_folder
from cli.recording.steps import Recorder, film_at, film_format, frames_in, losses_in, saved_in
from cli.weights import fetch_with_progress
from core.params import PictureFormat, parse_params
from core.pictures.film import FilmFormat
from core.pictures.uploads import Upload, Uploads, start_from
from core.runtime.malloc import keep_freed_memory
from core.settings.model import Settings
from easel.painting import Painting

if TYPE_CHECKING:
    from core.nst import Step

_NEW_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@takes_job
@click.option(
    "--frames",
    type=click.Path(file_okay=False, path_type=Path),
    help="A folder for the picture after every step, as PNG.",
)
@click.option(
    "--film",
    type=_NEW_FILE,
    help=f"A film of the steps to write: {', '.join(f'.{each}' for each in FilmFormat)}.",
)
@click.option("--losses", type=_NEW_FILE, help="A CSV file for the losses of every step.")
@click.option(
    "--resume",
    type=_NEW_FILE,
    help="A file that holds the state of the run until it is complete. If the file exists, the "
    "run goes on from there.",
)
@click.option(
    "--format",
    "folder_format",
    type=click.Choice([each.value for each in PictureFormat]),
    default=PictureFormat.PNG.value,
    show_default=True,
    help="The format of the results of a folder.",
)
def stylize(
    job: JobArguments,
    folder_format: str,
    frames: Path | None,
    film: Path | None,
    losses: Path | None,
    resume: Path | None,
) -> None:
    """Paint the picture CONTENT in the style of one or more pictures STYLE.

    If CONTENT is a folder, each of its pictures is painted in the style of each STYLE, or of all
    of them with --style-blend. OUTPUT is a folder then. Results that are there already are kept, so
    that the same command goes on after an interruption. Files that cannot be painted are reported,
    and the exit status is 3.
    """
    if job.is_folder:
        _stylize_folder(job, folder_format, frames, film, losses, resume)
        return
    if film is not None:
        film_format(film)
    for field, path in (("film", film), ("losses", losses), ("resume", resume)):
        if path is not None:
            check_writable(path, field)
    params = parse_params({**start_from(job.files["init_image"]), **job.parameters})
    settings = Settings()
    uploads = Uploads.of(
        {
            field: [Upload(str(path), path.read_bytes()) for path in paths]
            for field, paths in job.files.items()
        }
    )
    keep_freed_memory()
    fetch_with_progress(params.network, settings.weights_dir)
    saved = resume.read_bytes() if resume is not None and resume.exists() else None
    painting = Painting(uploads, params, settings, saved)
    for warning in painting.warnings:
        click.echo(f"Warning: {warning}", err=True)
    seconds = math.inf if job.max_seconds is None else job.max_seconds
    with ExitStack() as stack:
        recorders = [
            stack.enter_context(each)
            for each in _recordings(frames, film, losses, resume, resumed=saved is not None)
        ]
        last = paint(painting, seconds, recorders)
        write_atomically(job.output, painting.encode(last))
    click.echo(job.output)


def _stylize_folder(job: JobArguments, picture_format: str, *recordings: Path | None) -> None:
    if any(path is not None for path in recordings):
        raise click.UsageError("--frames, --film, --losses and --resume take a single CONTENT.")
    params = parse_params({**job.parameters, "format": picture_format})
    settings = Settings()
    keep_freed_memory()
    fetch_with_progress(params.network, settings.weights_dir)
    paint_folder(job, params, settings)


def _recordings(
    frames: Path | None,
    film: Path | None,
    losses: Path | None,
    state: Path | None,
    *,
    resumed: bool,
) -> Iterator[AbstractContextManager[Recorder]]:
    """Yield what the options ask for. The state comes first, and so is removed last."""
    if state is not None:
        yield saved_in(state)
    if frames is not None:
        yield frames_in(frames, resumed, film)
    elif film is not None:
        yield film_at(film)
    if losses is not None:
        yield losses_in(losses, resumed)


def paint(
    painting: Painting, seconds: float = math.inf, recorders: Sequence[Recorder] = ()
) -> Step:
    """Show and record every step, and return the last."""
    from worker.progress import JobTime  # imports torch, which the other commands do without

    columns = (
        TextColumn("Step {task.completed}/{task.total}"),
        BarColumn(),
        TextColumn("loss {task.fields[loss]:.4g}"),
        TimeRemainingColumn(),
    )
    limit = JobTime(seconds, time.monotonic)
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=painting.params.steps, loss=float("nan"))
        for step in painting:
            bar.update(task, completed=step.step, total=step.steps, loss=float(step.loss.total))
            for record in recorders:
                record(step)
            if limit.ends_with(step):
                break
    if cut := limit.warning(step):
        click.echo(f"Warning: {cut}", err=True)
    return step
