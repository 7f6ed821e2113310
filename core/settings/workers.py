"""Settings of workers: their devices, leases, checkpoints and time limits."""

from __future__ import annotations

from pydantic import Field

from core.settings.limits import Limits
from core.settings.values import MAX_WORKERS, Device, Workers


class WorkerSettings(Limits):
    """What a worker runs on, and how long its jobs may take."""

    device: Device = Field(
        "auto",
        description="The device of a worker: `auto`, `cpu`, `cuda`, `cuda:N`, or `mps` for the GPU "
        "of a Mac. `auto` is `cuda` if available, else `cpu`. See [GPUs](#gpus).",
    )
    workers: Workers = Field(
        1,
        description="How many jobs `easel serve` or a worker runs at a time, each in a process of "
        f"its own: 1 to {MAX_WORKERS}, or `auto`. See [cores and memory](#cores-and-memory).",
    )
    lease_seconds: float = Field(
        8,
        ge=1,
        description="How many seconds a worker keeps its job without renewing its lease; after "
        "them, the job is requeued. A worker renews it four times a second.",
    )
    sweep_seconds: float = Field(
        2,
        gt=0,
        description="Seconds between two sweeps for jobs of lost workers: at most a third of "
        "`EASEL_LEASE_SECONDS`.",
    )
    max_attempts: int = Field(
        3,
        ge=1,
        description="How many attempts a job has. If the worker is lost in each of them, the job "
        "fails with `worker_lost`.",
    )
    checkpoint_seconds: float = Field(
        5,
        ge=0,
        description="Seconds between two checkpoints of a running job; more if saving is slow.",
    )
    job_seconds: int = Field(
        86_400,
        ge=1,
        description="How many seconds a job may run. A job at its final size then ends with the "
        "picture so far; another one fails with `time_limit`. Callers can ask for less with "
        "`max_seconds`.",
    )
    display_side: int = Field(
        2048,
        ge=64,
        le=8192,
        description="The longest side of a result that pages show as it is, in pixels. For a "
        "larger one, and for a TIFF, a worker stores a copy of at most this side too.",
    )
    film_frames: int = Field(
        24,
        ge=0,
        le=120,
        description="How many pictures of a run a worker keeps for its film, each a JPEG of at "
        "most 512 pixels. They are kept as long as the result. 0 keeps none, and there are no "
        "films.",
    )
    stall_seconds: float = Field(
        900,
        gt=0,
        description="A worker whose job makes no step for this many seconds is restarted; beyond "
        "2048 x 2048 pixels, in proportion to the pixels.",
    )
    idle_seconds: float = Field(
        30,
        gt=0,
        description="A worker that takes no job for this many seconds while jobs are queued is "
        "restarted.",
    )
    patience_seconds: float = Field(
        600,
        gt=0,
        description="How many seconds a worker keeps a finished result while Redis is unavailable.",
    )
    redelivery_seconds: int = Field(
        600,
        ge=1,
        description="After how many seconds the broker redelivers an unacknowledged message. "
        "This is harmless, because a job cannot be claimed twice.",
    )
    grace_seconds: float = Field(
        30,
        gt=0,
        description="How many seconds `easel serve` waits for a worker to save its job when it "
        "stops.",
    )
