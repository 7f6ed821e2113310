"""``easel submit``: post a job to a server, wait for it, and save the result."""

from __future__ import annotations

from itertools import chain
from uuid import uuid4

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from cli.files import write_atomically
from cli.jobs import on_server
from cli.options import JobArguments, takes_job
from core.errors import EaselError, Interrupted, JobFailed
from easel.client.jobs import SubmittedJob
from easel.client.sync import Client


@click.command()
@on_server
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
    if job.is_folder:
        raise click.UsageError("CONTENT is a folder; submit its pictures one by one.")
    client = Client(server, api_key, patience=patience)
    key = str(uuid4())
    limit = {} if job.max_seconds is None else {"max_seconds": str(job.max_seconds)}
    urgency = {} if priority == "normal" else {"priority": priority}
    fields: dict[str, object] = {**job.parameters, **limit, **urgency}
    try:
        document = client.post(job.files, fields, key)
    except KeyboardInterrupt:
        # The server may have accepted the job. The same key finds that job, or makes one.
        raise _cancel(client, client.post(job.files, fields, key)) from None
    _print_warnings(document)
    try:
        accepted, document = document, _watch(client, document)
        _print_warnings(document, printed=accepted)
        if document.status != "succeeded":
            raise JobFailed(document.describe_end())
        write_atomically(job.output, client.download(document))
    except KeyboardInterrupt:
        raise _cancel(client, document) from None
    click.echo(job.output)


def _print_warnings(job: SubmittedJob, printed: SubmittedJob | None = None) -> None:
    """Print the warnings of a job, without those that an earlier document of it had."""
    for warning in job.warnings:
        if printed is None or warning not in printed.warnings:
            click.echo(f"Warning: {warning}", err=True)


def _watch(client: Client, job: SubmittedJob) -> SubmittedJob:
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
        for latest in chain([job], client.events(job)):
            bar.update(
                task,
                description=_title(latest),
                completed=latest.fraction,
                details=_details(latest),
            )
    return latest


def _title(job: SubmittedJob) -> str:
    if job.status == "queued" and job.queue_position:
        return f"queued behind {job.queue_position} job{'s' * (job.queue_position > 1)}"
    if job.status == "running" and job.progress:
        return f"{job.progress.width}x{job.progress.height}"
    return job.status


def _details(job: SubmittedJob) -> str:
    if not job.progress:
        return ""
    seconds = job.progress.eta_seconds
    return f"loss {job.progress.loss.total:.4g}" + (f", {seconds:.0f} s left" if seconds else "")


def _cancel(client: Client, job: SubmittedJob) -> Interrupted:
    """Cancel the job and return the error that ends the command."""
    try:
        status = client.cancel(job).status
    except EaselError as error:
        return Interrupted(f"job {job.id} could not be cancelled: {error}")
    if status in ("canceled", "running"):  # a running job ends at its next step
        return Interrupted(f"job {job.id} was cancelled")
    return Interrupted(f"job {job.id} was not cancelled: it has {status}")
