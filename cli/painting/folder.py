"""``easel stylize`` with a folder of photographs."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from cli.files import write_atomically
from cli.options import JobArguments
from core.errors import EaselError, FieldError, InvalidRequest, JobFailed
from core.jobs.batch import BatchMode, combinations, member_names
from core.params import StyleParams
from core.pictures.uploads import Upload, Uploads
from core.settings.model import Settings
from easel.painting import Painting


class Item(NamedTuple):
    """A picture to paint."""

    content: Path
    styles: tuple[Upload, ...]
    output: Path


def items(job: JobArguments, params: StyleParams) -> list[Item]:
    """Return the pictures of a folder: each photograph with each painting, or with their blend.

    Raises:
        InvalidRequest: the folder has no files, or the arguments do not go with a folder.
    """
    (folder,) = job.files["content"]
    single = [field for field, paths in job.files.items() if paths]
    errors = [
        FieldError(field.replace("_", "-"), "belongs to one picture; leave it out with a folder")
        for field in single
        if field not in ("content", "style")
    ]
    contents = sorted(
        path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")
    )
    if not contents:
        errors.append(FieldError("content", f"{folder} has no files; expected pictures"))
    if job.output.exists() and not job.output.is_dir():
        errors.append(FieldError("output", f"{job.output} is a file; expected a folder"))
    if errors:
        raise InvalidRequest(errors)
    styles = [Upload(str(path), path.read_bytes()) for path in job.files["style"]]
    mode = BatchMode.BLEND if params.style_blend else BatchMode.GRID
    chosen = combinations(mode, len(contents), len(styles))
    names = member_names(
        chosen,
        {i: path.name for i, path in enumerate(contents)},
        {i: path.name for i, path in enumerate(job.files["style"])},
    )
    return [
        Item(
            contents[i],
            tuple(styles[j] for j in painted_like),
            job.output / f"{name}.{params.format.value}",
        )
        for (i, painted_like), name in zip(chosen, names, strict=True)
    ]


def paint_folder(job: JobArguments, params: StyleParams, settings: Settings) -> None:
    """Paint every picture whose result is not there yet. What fails is reported and left out.

    Raises:
        InvalidRequest: a parameter or a painting is invalid.
        JobFailed: a photograph could not be painted; all others were.
    """
    every = items(job, params)
    job.output.mkdir(parents=True, exist_ok=True)
    todo = [item for item in every if not item.output.exists()]
    if len(todo) < len(every):
        click.echo(f"{len(every) - len(todo)} of {len(every)} results are there already", err=True)
    seconds = math.inf if job.max_seconds is None else float(job.max_seconds)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
    )
    failed = 0
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=len(todo))
        for number, item in enumerate(todo):
            bar.update(task, description=f"{number + 1}/{len(todo)} {item.output.name}")
            try:
                for fraction in _painted(item, params, settings, seconds):
                    bar.update(task, completed=number + fraction)
            except (EaselError, OSError) as error:
                _raise_unless_of(item, error)
                failed += 1
                named = isinstance(error, InvalidRequest)  # its message begins with the path
                text = str(error) if named else f"{item.content}: {error}"
                click.echo(f"Skipped {text}", err=True)
            else:
                click.echo(item.output)
            bar.update(task, completed=number + 1)
    if failed:
        raise JobFailed(f"{failed} of {len(todo)} pictures could not be painted")


def _painted(
    item: Item, params: StyleParams, settings: Settings, seconds: float
) -> Iterator[float]:
    """Paint a picture and write it, and yield which part of the work is done."""
    from worker.progress import JobTime  # imports torch, which the other commands do without

    content = Upload(str(item.content), item.content.read_bytes())
    painting = Painting(Uploads(content, item.styles), params, settings)
    limit = JobTime(seconds, time.monotonic)
    for step in painting:
        yield step.fraction
        if limit.ends_with(step):
            break
    for warning in (*painting.warnings, limit.warning(step)):
        if warning:
            click.echo(f"Warning: {item.output.name}: {warning}", err=True)
    write_atomically(item.output, painting.encode(step))


def _raise_unless_of(item: Item, error: EaselError | OSError) -> None:
    """Raise an error that all further pictures would have, too."""
    if isinstance(error, InvalidRequest) and not all(
        each.field == str(item.content) for each in error.errors
    ):
        raise error
