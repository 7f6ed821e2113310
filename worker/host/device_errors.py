"""The errors of a device, counted over the processes of one worker, which they end one by one."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import NamedTuple

from core.settings.model import Settings

_logger = logging.getLogger(__name__)

#: A device is given up after this many errors in a row in each of the worker's processes.
_IN_A_ROW = 3


class _Error(NamedTuple):
    """An error of the device."""

    #: The job that ran.
    job_id: str
    text: str


class DeviceErrors:
    """The errors of a worker's device since it last painted a picture.

    They are in a file, because each of them ends the process that saw it.

    Args:
        file: is created when the first error is added. None if errors cannot be counted.
        processes: how many processes of the worker use the device at a time. One event, such as
            a reset of the GPU, may cause an error in each of them.
    """

    def __init__(self, file: Path | None, processes: int = 1) -> None:
        self._file = file
        self._limit = _IN_A_ROW * processes

    @classmethod
    def of_worker(cls, settings: Settings, parent: int, processes: int) -> DeviceErrors:
        """Return the errors that the children of a parent process have had.

        Args:
            settings: the settings of the deployment.
            parent: the process id of the parent.
            processes: see above.
        """
        try:
            return cls(settings.runtime_dir / f"device-errors-{parent}", processes)
        except OSError as error:
            _logger.warning("device errors are not counted", extra={"reason": str(error)})
            return cls(None)

    def add(self, job_id: str, text: str) -> None:
        """Add an error.

        Args:
            job_id: the job that ran.
            text: the message of the error.
        """
        if self._file is None:
            return
        line = json.dumps(_Error(job_id, text)) + "\n"
        try:
            with self._file.open("a") as file:  # in one write, since other processes add, too
                file.write(line)
        except OSError as error:
            _logger.warning("device error not counted", extra={"reason": str(error)})

    def clear(self) -> None:
        """Forget all errors: the device has painted, or the worker starts."""
        if self._file is not None:
            self._file.unlink(missing_ok=True)

    def job_ids(self) -> frozenset[str]:
        """Return the jobs that ran when the device failed."""
        return frozenset(error.job_id for error in self._read())

    def problem(self) -> str | None:
        """Return why the device is out of service, or None.

        A job that fails on any device is not a reason: the errors must be those of two jobs.
        """
        errors = self._read()
        if len(errors) < self._limit or len({error.job_id for error in errors}) == 1:
            return None
        (last,) = errors[-1].text.splitlines()[:1] or [""]
        return (
            f"the device failed {len(errors)} times in a row, last with: {last}; "
            f"check the device and restart the worker (process {os.getppid()})"
        )

    def _read(self) -> list[_Error]:
        if self._file is None or not self._file.exists():
            return []
        lines = self._file.read_text().splitlines()
        return [_Error(*json.loads(line)) for line in lines]
