"""Ctrl-C where Python ignores it."""

from __future__ import annotations

import subprocess
import sys

LOSES_IT = """
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
    print("waited in vain")
"""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", LOSES_IT, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)


def test_python_alone_loses_a_ctrl_c_in_a_finaliser() -> None:
    assert run("leave it", "0.5").stdout == "waited in vain\n"


def test_a_ctrl_c_lost_in_a_finaliser_ends_even_a_wait_for_the_network() -> None:
    done = run("resend", "100")
    assert (done.stdout, done.stderr) == ("interrupted\n", "")


def test_what_else_a_finaliser_raises_is_reported_as_ever() -> None:
    dying = LOSES_IT.replace("signal.raise_signal(signal.SIGINT)", "raise ValueError('odd')")
    command = [sys.executable, "-c", dying, "resend", "0.1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert "ValueError: odd" in done.stderr
