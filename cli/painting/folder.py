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
    if job.output.resolve() == folder.resolve():
        message = f"{job.output} is the folder of the photographs; expected another one"
        errors.append(FieldError("output", message))
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
    failed, painter = 0, _Painter(params, settings, seconds)
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=len(todo))
        for number, item in enumerate(todo):
            bar.update(task, description=f"{number + 1}/{len(todo)} {item.output.name}")
            try:
                for part in painter.paint(item):
                    bar.update(task, completed=number + part)
            except (EaselError, OSError, MemoryError, RuntimeError) as error:
                if not _is_of(item, error):
                    raise
                failed += 1
                named = isinstance(error, InvalidRequest)  # its message begins with the path
                text = str(error) if named else f"{item.content}: {error}"
                click.echo(f"Skipped {text}", err=True)
            else:
                painter.write(item)
            bar.update(task, completed=number + 1)
    if failed:
        raise JobFailed(f"{failed} of {len(todo)} pictures could not be painted")


class _Painter:
    """Paints one picture after the other. Writing is apart: its errors concern all pictures."""

    def __init__(self, params: StyleParams, settings: Settings, seconds: float) -> None:
        self._params, self._settings, self._seconds = params, settings, seconds
        self._file = b""
        self._warnings: list[str] = []

    def paint(self, item: Item) -> Iterator[float]:
        """Paint a picture, and yield which part of the work is done."""
        from worker.progress import JobTime  # imports torch, which the other commands do without

        content = Upload(str(item.content), item.content.read_bytes())
        painting = Painting(Uploads(content, item.styles), self._params, self._settings)
        limit = JobTime(self._seconds, time.monotonic)
        for step in painting:
            yield step.fraction
            if limit.ends_with(step):
                break
        self._file = painting.encode(step)
        self._warnings = [each for each in (*painting.warnings, limit.warning(step)) if each]

    def write(self, item: Item) -> None:
        """Write the file of the last picture, and print its path."""
        for warning in self._warnings:
            click.echo(f"Warning: {item.output.name}: {warning}", err=True)
        write_atomically(item.output, self._file)
        click.echo(item.output)


def _is_of(item: Item, error: Exception) -> bool:
    """Return whether an error is about this picture, so that others can be painted."""
    from worker.failures import failure_of

    if isinstance(error, InvalidRequest):
        return all(each.field == str(item.content) for each in error.errors)
    return isinstance(error, (EaselError, OSError)) or failure_of(error).code == "out_of_memory"
