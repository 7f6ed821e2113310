"""A stack of containers, run by whichever Compose there is."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent

#: For whatever is waited for; machines may be slow.
PATIENCE_SECONDS = 600.0


class Failed(Exception):
    """Something is not as it should be."""


def until(what: str, question: Callable[[], bool], every_seconds: float = 0.2) -> float:
    """Wait until something is so.

    Returns:
        The seconds that it took.

    Raises:
        Failed: it never was.
    """
    begun = time.monotonic()
    while not question():
        if time.monotonic() - begun > PATIENCE_SECONDS:
            raise Failed(f"after {PATIENCE_SECONDS:.0f} s still not: {what}")
        time.sleep(every_seconds)
    return time.monotonic() - begun


def docker(*arguments: str) -> str:
    """What a docker command prints.

    Raises:
        Failed: it could not do it.
    """
    return _run(["docker", *arguments])


def compose_command() -> list[str]:
    """``docker compose`` where there is one, or else ``docker-compose``."""
    plugin = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
    return ["docker", "compose"] if plugin.returncode == 0 else ["docker-compose"]


class Stack:
    """One project of Compose.

    Args:
        project: its name.
        environment: what its files are filled in with.
    """

    def __init__(self, project: str, **environment: str) -> None:
        self._command = [*compose_command(), "--project-name", project]
        self._environment = {**os.environ, **environment}

    def compose(self, *arguments: str) -> str:
        """What a command of Compose prints.

        Raises:
            Failed: it could not do it.
        """
        return _run([*self._command, *arguments], self._environment)

    def containers(self, service: str) -> list[str]:
        """The ids of the running containers of a service."""
        found = self.compose("ps", "-q", service).split()
        return [each for each in found if self.inspect(each)["State"]["Running"]]

    def container(self, service: str) -> str:
        """The one running container of a service."""
        (found,) = self.containers(service)
        return found

    def inspect(self, container: str) -> dict[str, Any]:
        """All that the engine knows of a container."""
        (found,) = json.loads(docker("inspect", container))
        return dict(found)

    def health(self, container: str) -> str:
        """``starting``, ``healthy`` or ``unhealthy``."""
        return str(self.inspect(container)["State"]["Health"]["Status"])


def _run(command: Sequence[str], environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        last = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise Failed(f"{' '.join(command)} ended with {done.returncode}:\n{last}")
    return done.stdout
