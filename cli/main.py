"""``easel``: the command line."""

from __future__ import annotations

import signal
import sys
import threading

import click

from cli.jobs import jobs, workers
from cli.keys import keys
from cli.mcp import mcp
from cli.painting.stylize import stylize
from cli.queue import queue
from cli.replay import inspect, replay
from cli.serve import serve
from cli.submit import submit
from cli.weights import weights
from core.errors import EaselError

#: Long enough for the code that swallowed the interrupt to have returned.
_RESEND_SECONDS = 0.05


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="easel")
def easel() -> None:
    """Neural style transfer: repaint a photograph in the style of a painting."""


for _command in (inspect, jobs, keys, mcp, queue, replay, serve, stylize, submit, weights, workers):
    easel.add_command(_command)


def main() -> None:
    """Run the command. Print an EaselError as one message, without a traceback."""
    resend_swallowed_interrupts()
    try:
        easel()
    except EaselError as error:
        click.echo(f"easel: {error}", err=True)
        sys.exit(error.exit_code)


def resend_swallowed_interrupts() -> None:
    """Send Ctrl-C again whenever Python swallows it.

    Python raises KeyboardInterrupt wherever the main thread happens to be. In a finaliser or
    in a weak reference's callback, which every import runs, the exception is reported and
    ignored, and the program continues as if Ctrl-C had not been pressed.
    """
    sys.unraisablehook = _resend_interrupt


def _resend_interrupt(unraisable: sys.UnraisableHookArgs) -> None:
    if not issubclass(unraisable.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(unraisable)
        return
    # Only the main thread receives KeyboardInterrupt, so this is the main thread. The signal
    # is sent to the thread: one sent to the process would not wake it from a socket call.
    if sys.platform == "win32":
        return  # Windows has no signals of threads
    timer = threading.Timer(
        _RESEND_SECONDS, signal.pthread_kill, (threading.get_ident(), signal.SIGINT)
    )
    timer.daemon = True
    timer.start()
