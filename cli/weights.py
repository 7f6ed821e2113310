"""``easel weights``: download the networks' weights into the cache."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from core.params import Network
from core.settings.model import Settings


@click.group()
def weights() -> None:
    """Manage the cached network weights."""


@weights.command()
@click.option(
    "--network",
    type=click.Choice([network.value for network in Network]),
    default=Network.NORMALIZED.value,
    show_default=True,
    help="The network to fetch.",
)
def fetch(network: str) -> None:
    """Fetch the weights of a network into the cache and print their path."""
    click.echo(fetch_with_progress(Network(network), Settings().weights_dir))


def fetch_with_progress(network: Network, directory: Path) -> Path:
    """Fetch the weights unless they are cached, with a progress bar, and return their path.

    Raises:
        WeightsUnavailable: the weights are not cached and cannot be fetched.
    """
    # Imports torch, which the other commands do without.
    from core.nst import fetch_weights
    from worker.networks import calibration_pictures

    columns = (
        TextColumn("Fetching {task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    # Elsewhere than in a terminal, the bar would leave an empty line.
    bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    with bar:
        task = bar.add_task(network.value, total=None, visible=False)

        def show(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total, visible=True)

        return fetch_weights(network, directory, calibration_pictures, show)
