"""``easel submit``: post a job to a server, wait for it, and save the result."""

from __future__ import annotations

import os
import tempfile
from itertools import chain
from pathlib import Path
from uuid import uuid4

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from cli.client import Client, JobDocument
from cli.options import JobArguments, takes_job
from core.errors import EaselError, Interrupted, JobFailed


@click.command()
@click.option(
    "--server",
    envvar="EASEL_SERVER",
    default="http://127.0.0.1:8000",
    show_default=True,
    help="The address of the server. [env: EASEL_SERVER]",
)
@click.option("--api-key", envvar="EASEL_API_KEY", help="Your API key. [env: EASEL_API_KEY]")
@click.option(
    "--patience",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    help="How many seconds to keep retrying while the server is unreachable or busy.",
)
@click.option(
    "--priority",
    type=click.Choice(["low", "normal", "high"]),
    default="normal",
    show_default=True,
    help="How urgent the job is among your own; high requires a key that permits it.",
)
@takes_job
def submit(
    job: JobArguments, server: str, api_key: str | None, patience: float, priority: str
) -> None:
    """Have a server paint the picture CONTENT in the style of one or more pictures STYLE.

    Ctrl-C cancels the job. Exit status: 1 the request was refused, 2 wrong usage, 3 the job
    failed or was cancelled, 5 the server is unreachable, 130 Ctrl-C.
    """
    client = Client(server, api_key, patience)
    key = str(uuid4())
    limit = {} if job.max_seconds is None else {"max_seconds": str(job.max_seconds)}
    urgency = {} if priority == "normal" else {"priority": priority}
    fields = {**job.parameters, **limit, **urgency}
    try:
        document = client.submit(job.files, fields, key)
    except KeyboardInterrupt:
        # The server may have accepted the job. The same key finds that job, or makes one.
        raise _cancel(client, client.submit(job.files, fields, key)) from None
    _print_warnings(document)
    try:
        accepted, document = document, _watch(client, document)
        _print_warnings(document, printed=accepted)
        if document["status"] != "succeeded":
            raise JobFailed(_reason(document))
        _save(client.result(document), job.output)
    except KeyboardInterrupt:
        raise _cancel(client, document) from None
    click.echo(job.output)


def _print_warnings(job: JobDocument, printed: JobDocument | None = None) -> None:
    """Print the warnings of a job, without those that an earlier document of it had."""
    known = (printed or {}).get("warnings", ())
    for warning in job.get("warnings", ()):
        if warning not in known:
            click.echo(f"Warning: {warning}", err=True)


def _watch(client: Client, job: JobDocument) -> JobDocument:
    """Show the job's progress; return the job once it is done."""
    latest = job
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[details]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=1.0, details="")
        for latest in chain([job], client.follow(job)):
            bar.update(
                task,
                description=_title(latest),
                completed=_fraction(latest),
                details=_details(latest),
            )
    return latest


def _title(job: JobDocument) -> str:
    position = job["queue_position"]
    if job["status"] == "queued" and position:
        return f"queued behind {position} job{'s' * (position > 1)}"
    progress = job["progress"]
    if job["status"] == "running" and progress:
        return f"{progress['width']}x{progress['height']}"
    return str(job["status"])


def _fraction(job: JobDocument) -> float:
    return float((job["progress"] or {}).get("fraction", 0.0))


def _details(job: JobDocument) -> str:
    progress = job["progress"]
    if not progress:
        return ""
    seconds = progress["eta_seconds"]
    return f"loss {progress['loss']['total']:.4g}" + (f", {seconds:.0f} s left" if seconds else "")


def _reason(job: JobDocument) -> str:
    error = job["error"]
    if error:
        return f"job {job['id']} failed: {error['message']} ({error['code']})"
    return f"job {job['id']} was {job['status']}"


def _cancel(client: Client, job: JobDocument) -> Interrupted:
    """Cancel the job and return the error that ends the command."""
    try:
        status = client.cancel(job)["status"]
    except EaselError as error:
        return Interrupted(f"job {job['id']} could not be cancelled: {error}")
    if status in ("canceled", "running"):  # a running job ends at its next step
        return Interrupted(f"job {job['id']} was cancelled")
    return Interrupted(f"job {job['id']} was not cancelled: it has {status}")


def _save(data: bytes, output: Path) -> None:
    """Write the file atomically: it appears as a whole or not at all."""
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
