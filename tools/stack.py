"""A stack of containers, managed with Docker Compose."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent

#: The timeout of ``until``; machines may be slow.
PATIENCE_SECONDS = 600.0


class Failed(Exception):
    """A command or a check failed."""


def until(description: str, condition: Callable[[], bool], every_seconds: float = 0.2) -> float:
    """Wait until a condition holds.

    Returns:
        The seconds that it took.

    Raises:
        Failed: the condition did not hold within ten minutes.
    """
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > PATIENCE_SECONDS:
            raise Failed(f"not within {PATIENCE_SECONDS:.0f} s: {description}")
        time.sleep(every_seconds)
    return time.monotonic() - began


def docker(*arguments: str) -> str:
    """Run a docker command, and return its output.

    Raises:
        Failed: the exit status was not 0.
    """
    return _run(["docker", *arguments])


def compose_command() -> list[str]:
    """Return ``docker compose`` where the plugin is installed, or else ``docker-compose``."""
    plugin = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
    return ["docker", "compose"] if plugin.returncode == 0 else ["docker-compose"]


class Stack:
    """A Compose project.

    Args:
        project: the name of the project.
        environment: variables that the Compose files refer to.
    """

    def __init__(self, project: str, **environment: str) -> None:
        self._command = [*compose_command(), "--project-name", project]
        self._environment = {**os.environ, **environment}

    def compose(self, *arguments: str) -> str:
        """Run a Compose command, and return its output.

        Raises:
            Failed: the exit status was not 0.
        """
        return _run([*self._command, *arguments], self._environment)

    def containers(self, service: str) -> list[str]:
        """Return the ids of the running containers of a service."""
        ids = self.compose("ps", "-q", service).split()
        return [container for container in ids if self.inspect(container)["State"]["Running"]]

    def container(self, service: str) -> str:
        """Return the id of the only running container of a service."""
        (container,) = self.containers(service)
        return container

    def inspect(self, container: str) -> dict[str, Any]:
        """Return the output of ``docker inspect`` for a container."""
        (description,) = json.loads(docker("inspect", container))
        return dict(description)

    def health(self, container: str) -> str:
        """Return ``starting``, ``healthy`` or ``unhealthy``."""
        return str(self.inspect(container)["State"]["Health"]["Status"])


def _run(command: Sequence[str], environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        last = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise Failed(f"{' '.join(command)} ended with {done.returncode}:\n{last}")
    return done.stdout
