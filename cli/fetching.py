"""Fetching weights with a progress bar."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from core.params import Network


def fetch_with_progress(network: Network, directory: Path) -> Path:
    """Make sure that the weights are cached; show a bar while they are fetched.

    Raises:
        WeightsUnavailable: they are neither in the cache nor to be fetched.
    """
    from core.nst import fetch_weights  # torch; not paid by the other commands
    from worker.networks import calibration_pictures

    columns = (
        TextColumn("Fetching {task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(network.value, total=None, visible=False)

        def show(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total, visible=True)

        return fetch_weights(network, directory, calibration_pictures, show)
