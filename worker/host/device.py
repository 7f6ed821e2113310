"""The device of ``EASEL_DEVICE``: ``python -m worker.host.device`` tries it.

A worker whose device cannot be used must not start: Celery would start its process again and again.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from core.errors import InvalidSetting
from core.runtime.modules import full_name
from core.runtime.startup import exit_if_settings_are_invalid
from core.settings.model import Settings

if TYPE_CHECKING:
    import torch


def device_of(settings: Settings) -> torch.device:
    """Return the device that the settings name, which was tried.

    Raises:
        InvalidSetting: torch cannot compute on it.
    """
    from core.nst import pick_device  # imports torch, which the callers of the other do without

    try:
        return pick_device(settings.device)
    except ValueError as error:
        raise InvalidSetting(f"EASEL_DEVICE: {error}") from error


def check_device(settings: Settings) -> None:
    """Try the device in another process: this one would keep torch in memory.

    ``cpu`` always works, and ``auto`` falls back to it, so they save the seconds that importing
    torch takes.

    Raises:
        SystemExit: torch cannot compute on the device. The process has printed the reason.
    """
    if settings.device in ("auto", "cpu"):
        return
    tried = subprocess.run(
        [sys.executable, "-P", "-m", full_name("worker.host.device")],
        env={**os.environ, "EASEL_DEVICE": settings.device},
        check=False,
    )
    if tried.returncode != 0:
        raise SystemExit(tried.returncode)


if __name__ == "__main__":
    with exit_if_settings_are_invalid():
        device_of(Settings())
