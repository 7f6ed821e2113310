"""What a decoder may do after a picture has taken it over."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from core.pictures.restrictions import Restrictions
from tests.source import ROOT

linux = pytest.mark.skipif(sys.platform != "linux", reason="seccomp and Landlock are Linux's")

_ENV = {"PYTHONPATH": str(ROOT)}
_REQUEST = b'{"size": 0, "mask": false, "max_pixels": 1}\n'


def run(program: str) -> dict[str, object]:
    """Run a program in a process of its own, and return the JSON that it prints."""
    code = f"import json, os, socket\nfrom core.pictures import restrictions\n{program}"
    done = subprocess.run([sys.executable, "-c", code], env=_ENV, capture_output=True, check=True)
    parsed = json.loads(done.stdout)
    assert isinstance(parsed, dict)
    return parsed


@linux
def test_a_decoder_that_was_taken_over_can_only_answer() -> None:
    program = [sys.executable, "-m", "tests.core.pictures.takeover", str(2**30), "30"]
    done = subprocess.run(program, input=_REQUEST, env=_ENV, cwd="/", capture_output=True)
    start, answer = map(json.loads, done.stdout.splitlines())
    assert start["restrictions"]["seccomp"]
    results = json.loads(answer["refused"])
    assert len(results) > 20
    assert results.pop("thread") == "done"  # the decoder of HEIC needs one
    assert results == dict.fromkeys(results, "EPERM")


@linux
def test_landlock_alone_denies_files_connections_and_signals() -> None:
    landlockpy = pytest.importorskip("landlockpy")
    if not landlockpy.supported():
        pytest.skip("this kernel has no Landlock")
    results = run("""
from contextlib import suppress
local = socket.socket()
version = restrictions._deny_access()
results = {}
for name, attack in {
    "open": lambda: os.open("/etc/passwd", os.O_RDONLY),
    "exec": lambda: os.execv("/bin/true", ["true"]),
    "connect": lambda: local.connect(("127.0.0.1", 9)),
    "kill": lambda: os.kill(os.getppid(), 0),
}.items():
    try:
        attack()
        results[name] = "done"
    except PermissionError:
        results[name] = "denied"
    except OSError as error:
        results[name] = str(error)
print(json.dumps({"version": version, **results}))
""")
    version = results.pop("version")
    assert isinstance(version, int)
    assert version == landlockpy.abi_version()
    since = {"open": 1, "exec": 1, "connect": 4, "kill": 6}
    for name, first in since.items():
        assert version < first or results[name] == "denied"


@linux
def test_a_system_without_a_filter_says_what_a_picture_could_do() -> None:
    results = run("""
import platform, resource
platform.machine = lambda: "riscv64"
restricted = restrictions.restrict(2**30)
processes = resource.getrlimit(resource.RLIMIT_NPROC)
print(json.dumps({"seccomp": restricted.seccomp, "processes": processes}))
""")
    assert results == {"seccomp": False, "processes": [0, 0]}
    weakness = Restrictions(seccomp=False, landlock=0).weakness
    assert weakness is not None
    assert "read files, use the network and send signals" in weakness
    assert Restrictions(seccomp=True, landlock=0).weakness is None
