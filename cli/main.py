"""``easel``: the command line."""

from __future__ import annotations

import sys

import click

from cli.interrupts import insist
from cli.keys import keys
from cli.serve import serve
from cli.stylize import stylize
from cli.submit import submit
from cli.weights import weights
from core.errors import EaselError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="easel")
def easel() -> None:
    """Neural style transfer: a photograph, painted like a painting."""


easel.add_command(keys)
easel.add_command(serve)
easel.add_command(stylize)
easel.add_command(submit)
easel.add_command(weights)


def main() -> None:
    """Run the command; an error that Easel knows is one line, not a traceback."""
    insist()
    try:
        easel()
    except EaselError as error:
        click.echo(f"easel: {error}", err=True)
        sys.exit(getattr(error, "exit_code", 1))
