"""The ``easel`` command: Ctrl-C where Python swallows it, options, other systems, addresses."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli import main
from cli.valkey import free_port
from tests.cli.conftest import easel

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
    result = CliRunner().invoke(main.easel, ["serve", "--workers", number])
    assert result.exit_code == 2
    assert f"'{number}' is not a number of workers; expected 1 to 64, or auto" in result.output


#: Modules that Windows does not have, and packages that are installed on Linux only.
_NOT_ON_WINDOWS = ("fcntl", "grp", "pwd", "resource", "termios", "uvloop", "landlockpy", "seccompy")

_LIKE_WINDOWS = f"""
import asyncio, celery.platforms, click, httpx, os, redis.asyncio, rich.progress, sys
sys.modules.update(dict.fromkeys({_NOT_ON_WINDOWS!r}))
del os.fork
from cli.main import main
main()
"""


@pytest.mark.parametrize("arguments", [("--help",), ("stylize", "--help"), ("submit", "--help")])
def test_the_commands_that_need_no_server_load_on_windows(arguments: tuple[str, ...]) -> None:
    done = _run_like_windows(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Usage:" in done.stdout


def test_serve_says_that_it_does_not_run_on_windows() -> None:
    done = _run_like_windows("serve")
    assert done.returncode == 1
    assert done.stderr.startswith("easel: `easel serve` does not run on Windows. Use WSL or Docker")


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
def test_serve_checks_an_ipv6_address() -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as taken:
        port = taken.getsockname()[1]
        done = easel("serve", "--host", "::1", "--port", port)
    assert done.returncode == 1
    assert f"cannot listen on [::1]:{port}: Address already in use" in done.stderr


def _run_like_windows(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", _LIKE_WINDOWS, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("EASEL_DATA_DIR", "{file}/data", "{file}/data cannot be written: Not a directory; choose"),
        ("EASEL_DATA_DIR", "{file}", "{file} cannot be written: File exists; choose another"),
        ("EASEL_DEVICE", "cuda:77", "'cuda:77', but torch "),
        ("EASEL_WEIGHTS_DIR", "{file}/x", "written to {file}/x: Not a directory; choose another"),
    ],
)
def test_serve_names_a_setting_that_cannot_work_in_one_line(
    tmp_path: Path, variable: str, value: str, expected: str
) -> None:
    file = tmp_path / "file"
    file.touch()
    settings = {"EASEL_DATA_DIR": str(tmp_path), variable: value.format(file=file)}
    done = easel("serve", "--port", free_port(), **settings)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("easel: ")
    assert variable in line
    assert expected.format(file=file) in line
