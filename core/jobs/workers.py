"""What a live worker reports about itself."""

from __future__ import annotations

from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from core.params.choices import Precision


class Capacity(NamedTuple):
    """What decides which jobs a worker takes."""

    #: The memory for a job, in bytes; None if it is not known.
    memory_bytes: int | None = None
    #: The precision that the worker uses for jobs with `precision=auto`; None if unknown.
    precision: Precision | None = None
    #: Jobs that it takes only if it can run no other: its device failed while they ran.
    avoided: frozenset[str] = frozenset()


class WorkerInfo(BaseModel):
    """A worker's description of itself, sent with every heartbeat."""

    model_config = ConfigDict(frozen=True)

    id: str
    device: str
    networks: tuple[str, ...]
    #: Total and available memory of its device; None if unknown.
    memory_total_bytes: int | None = None
    memory_available_bytes: int | None = None
    #: The precision that it uses for jobs with `precision=auto`; None if unknown.
    precision: Precision | None = None
    #: Host memory that its process occupies.
    resident_bytes: int | None = None
    #: Optimiser steps since it started, and the recent rate.
    steps: int | None = None
    steps_per_second: float | None = None
    #: The job that it is running.
    job_id: str | None = None

    @property
    def capacity(self) -> Capacity:
        """Which jobs it can run."""
        return Capacity(self.memory_total_bytes, self.precision)
