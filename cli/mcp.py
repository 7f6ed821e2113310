"""``easel mcp``: tools for agents that speak the Model Context Protocol."""

from __future__ import annotations

import anyio
import click

from cli.jobs import on_server
from core.errors import PackageMissing


@click.command()
@on_server
def mcp(server: str, api_key: str | None) -> None:
    """Give an agent tools that paint pictures on a server.

    It speaks the Model Context Protocol over standard input and output: an agent starts it.
    """
    try:
        from easel.mcp.server import serve
    except ModuleNotFoundError as error:
        raise PackageMissing(
            f"{error.name} is not installed; install it with: pip install 'easel[mcp]'"
        ) from error
    anyio.run(serve, server, api_key)
