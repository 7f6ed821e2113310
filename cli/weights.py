"""``easel weights``."""

from __future__ import annotations

import click

from cli.fetching import fetch_with_progress
from core.params import Network
from core.settings.model import Settings


@click.group()
def weights() -> None:
    """The networks' weights: fetched once, then kept."""


@weights.command()
@click.option(
    "--network",
    type=click.Choice([network.value for network in Network]),
    default=Network.NORMALIZED.value,
    show_default=True,
    help="Which network.",
)
def fetch(network: str) -> None:
    """Fetch a network's weights into the cache, and say where they are."""
    click.echo(fetch_with_progress(Network(network), Settings().weights_dir))
