"""``easel submit``: a job for a server, from the post to the picture."""

from __future__ import annotations

import os
import tempfile
from itertools import chain
from pathlib import Path
from uuid import uuid4

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from cli.options import check_writable, format_of, parameter_options, picture_options
from cli.remote import Job, Remote
from core.errors import EaselError, Interrupted, JobFailed


@parameter_options
@click.command()
@picture_options
@click.option(
    "--server",
    envvar="EASEL_SERVER",
    default="http://127.0.0.1:8000",
    show_default=True,
    help="The address of the server. [env: EASEL_SERVER]",
)
@click.option("--api-key", envvar="EASEL_API_KEY", help="Who you are. [env: EASEL_API_KEY]")
@click.option(
    "--patience",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    help="For how many seconds at a stretch the server may be away or busy.",
)
def submit(
    content: Path,
    style: tuple[Path, ...],
    output: Path,
    init_image: Path | None,
    content_mask: Path | None,
    style_mask: tuple[Path, ...],
    server: str,
    api_key: str | None,
    patience: float,
    **options: str | None,
) -> None:
    """Have a server paint the picture CONTENT in the style of STYLE (one or more pictures).

    Ctrl-C calls the job off. Exit status: 1 refused, 2 wrong usage, 3 the job failed or was
    called off, 5 the server is away, 130 Ctrl-C.
    """
    fields = {name: value for name, value in options.items() if value is not None}
    fields["format"] = format_of(output)
    check_writable(output)
    given = {
        "content": (content,),
        "style": style,
        "init_image": (init_image,),
        "content_mask": (content_mask,),
        "style_mask": style_mask,
    }
    files = [(name, path) for name, paths in given.items() for path in paths if path is not None]
    remote = Remote(server, api_key, patience)
    key = str(uuid4())
    try:
        job = remote.submit(files, fields, key)
    except KeyboardInterrupt:
        # It may have been taken: sent again, it is found, or made to be called off.
        job = remote.submit(files, fields, key)
        raise Interrupted(f"job {job['id']} is {_call_off(remote, job)}") from None
    try:
        job = _watch(remote, job)
        if job["status"] != "succeeded":
            raise JobFailed(_reason(job))
        _save(remote.result(job), output)
    except KeyboardInterrupt:
        raise Interrupted(f"job {job['id']} is {_call_off(remote, job)}") from None
    click.echo(output)


def _watch(remote: Remote, job: Job) -> Job:
    """Show how the job goes on, until it is done."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rest]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=1.0, rest="")
        for now in chain([job], remote.follow(job)):
            bar.update(task, description=_title(now), completed=_fraction(now), rest=_rest(now))
            job = now
    return job


def _title(job: Job) -> str:
    position = job["queue_position"]
    if job["status"] == "queued" and position:
        return f"queued, {position} before it"
    progress = job["progress"]
    if job["status"] == "running" and progress:
        return f"{progress['width']}x{progress['height']}"
    return str(job["status"])


def _fraction(job: Job) -> float:
    return float((job["progress"] or {}).get("fraction", 0.0))


def _rest(job: Job) -> str:
    progress = job["progress"]
    if not progress:
        return ""
    left = progress["eta_seconds"]
    return f"loss {progress['loss']['total']:.4g}" + (f", {left:.0f} s left" if left else "")


def _reason(job: Job) -> str:
    error = job["error"]
    if error:
        return f"job {job['id']} has failed: {error['message']} ({error['code']})"
    return f"job {job['id']} was {job['status']}"


def _call_off(remote: Remote, job: Job) -> str:
    try:
        status = remote.cancel(job)["status"]
    except EaselError as error:
        return f"not called off: {error}"
    return "called off" if status in ("canceled", "running") else str(status)


def _save(data: bytes, output: Path) -> None:
    """The whole file appears at once, or none."""
    folder = output.absolute().parent
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".easel-", delete=False) as file:
        try:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            os.chmod(file.name, 0o666 & ~_umask())
            Path(file.name).replace(output)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
