"""How a process ends that cannot start."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from core.errors import InvalidSetting


@contextmanager
def exit_if_settings_are_invalid() -> Iterator[None]:
    """Turn an InvalidSetting of the block into one line on standard error and an exit status."""
    try:
        yield
    except InvalidSetting as error:
        sys.stderr.write(f"easel: {error}\n")
        sys.exit(error.exit_code)
