"""``easel queue``: pause and resume the queue of a deployment."""

from __future__ import annotations

import click

from cli.valkey import open_redis
from core.store.jobs import JobStore
from core.store.statistics import StatisticsReader


@click.group()
def queue() -> None:
    """Pause and resume the queue of this deployment."""


@queue.command()
def pause() -> None:
    """Start no more jobs. Running jobs go on, and new ones are accepted."""
    with open_redis() as redis:
        JobStore(redis).pause_queue()
    click.echo("The queue is paused. `easel queue resume` starts jobs again.")


@queue.command()
def resume() -> None:
    """Start jobs again."""
    with open_redis() as redis:
        JobStore(redis).resume_queue()
    click.echo("The queue is not paused.")


@queue.command()
def status() -> None:
    """Print whether the queue is paused, and how many jobs wait and run."""
    with open_redis() as redis:
        since = JobStore(redis).paused_since()
        statistics = StatisticsReader(redis).read()
    state = "not paused" if since is None else f"paused since {since:%Y-%m-%d %H:%M:%S} UTC"
    click.echo(f"The queue is {state}. {statistics.queued} queued, {statistics.running} running.")
