"""Ctrl-C in places where Python swallows it, and options that are refused."""

from __future__ import annotations

import subprocess
import sys

import pytest
from click.testing import CliRunner

from cli.main import easel

SWALLOWS_CTRL_C = """
import signal, socket, sys
from cli.main import resend_swallowed_interrupts

class Dying:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)

if sys.argv[1] == "resend":
    resend_swallowed_interrupts()
dying = Dying()
del dying
one, other = socket.socketpair()
one.settimeout(float(sys.argv[2]))
try:
    one.recv(1)
except KeyboardInterrupt:
    print("interrupted")
except TimeoutError:
    print("not interrupted")
"""


def run(*arguments: str, code: str = SWALLOWS_CTRL_C) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)


def test_python_alone_swallows_ctrl_c_in_a_finaliser() -> None:
    assert run("do not resend", "0.5").stdout == "not interrupted\n"


def test_a_swallowed_ctrl_c_is_resent_and_interrupts_a_socket_call() -> None:
    done = run("resend", "100")
    assert (done.stdout, done.stderr) == ("interrupted\n", "")


def test_any_other_exception_in_a_finaliser_is_reported_as_usual() -> None:
    code = SWALLOWS_CTRL_C.replace("signal.raise_signal(signal.SIGINT)", "raise ValueError('odd')")
    assert "ValueError: odd" in run("resend", "0.1", code=code).stderr


@pytest.mark.parametrize("number", ["0", "65", "all"])
def test_serve_refuses_other_numbers_of_workers(number: str) -> None:
    result = CliRunner().invoke(easel, ["serve", "--workers", number])
    assert result.exit_code == 2
    assert f"'{number}' is not a number of workers; expected 1 to 64, or auto" in result.output
