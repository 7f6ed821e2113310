"""``easel jobs`` and ``easel workers``: what a server does, over its API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from easel.client.calls import DEFAULT_SERVER
from easel.client.jobs import SubmittedJob
from easel.client.sync import Client

_STATUSES = click.Choice(["queued", "running", "succeeded", "failed", "canceled"])


def on_server(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that name a server to a command."""
    for option in (
        click.option(
            "--api-key", envvar="EASEL_API_KEY", help="Your API key. [env: EASEL_API_KEY]"
        ),
        click.option(
            "--server",
            envvar="EASEL_SERVER",
            default=DEFAULT_SERVER,
            show_default=True,
            help="The address of the server. [env: EASEL_SERVER]",
        ),
    ):
        command = option(command)
    return command


@click.group()
def jobs() -> None:
    """List, show, cancel and retry your jobs on a server."""


@jobs.command("list")
@click.option("--status", type=_STATUSES, multiple=True, help="Only this status; repeatable.")
@click.option("--error-code", help="Only failed jobs with this error code.")
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True)
@on_server
def list_jobs(
    server: str, api_key: str | None, status: tuple[str, ...], error_code: str | None, limit: int
) -> None:
    """List your newest jobs."""
    query: dict[str, Any] = {"status": status, "limit": limit}
    if error_code is not None:
        query["error_code"] = error_code
    with _client(server, api_key) as client:
        found = client.jobs(**query)
    table = Table("id", "status", "size", "created", "details", box=None)
    for job in found:
        created = f"{job.created_at:%Y-%m-%d %H:%M:%S}"
        table.add_row(job.id, job.status, str(job.params["size"]), created, _details(job))
    _print(table)


@jobs.command()
@click.argument("job_id")
@on_server
def show(server: str, api_key: str | None, job_id: str) -> None:
    """Print a job as JSON."""
    with _client(server, api_key) as client:
        click.echo(client.get(job_id).model_dump_json(indent=2))


@jobs.command()
@click.argument("job_id")
@on_server
def cancel(server: str, api_key: str | None, job_id: str) -> None:
    """Cancel a job: at once if it is queued, after its current step if it is running."""
    with _client(server, api_key) as client:
        job = client.cancel(job_id)
    click.echo(f"job {job.id} is {job.status}")


@jobs.command()
@click.argument("job_id")
@on_server
def retry(server: str, api_key: str | None, job_id: str) -> None:
    """Post a failed or canceled job again, and print the id of the new job."""
    with _client(server, api_key) as client:
        click.echo(client.retry(job_id).id)


@click.command()
@on_server
def workers(server: str, api_key: str | None) -> None:
    """List the live workers of a server."""
    with _client(server, api_key) as client:
        readiness = client.readiness()
    table = Table("worker", "device", "memory", "free", "state", box=None)
    for worker in readiness["workers"]:
        memory = (_gib(worker[f"memory_{part}_bytes"]) for part in ("total", "available"))
        table.add_row(worker["id"], worker["device"], *memory, "busy" if worker["busy"] else "idle")
    _print(table)
    for warning in readiness["warnings"]:
        click.echo(f"Warning: {warning}", err=True)


def _client(server: str, api_key: str | None) -> Client:
    return Client(server, api_key, patience=0)


def _details(job: SubmittedJob) -> str:
    """Return what is worth knowing about a job in its status."""
    if job.status == "queued":
        return str(job.waiting["detail"]) if job.waiting else ""
    if job.status == "running" and job.progress:
        return f"{job.fraction:.0%}"
    return job.error.code if job.error else ""


def _gib(size: int | None) -> str:
    return "unknown" if size is None else f"{size / 2**30:.1f} GiB"


def _print(table: Table) -> None:
    Console(width=None if Console().is_terminal else 160).print(table)
