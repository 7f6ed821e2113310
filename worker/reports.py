"""What a record is told of a run: its progress, and its files."""

from __future__ import annotations

from hashlib import sha256

from core.jobs.job import Loss, Picture, Progress
from core.nst import Step
from core.params import StyleParams
from core.pictures.encode import Encoded


def picture_of(file: Encoded) -> Picture:
    """What a record says of a file."""
    return Picture(
        sha256=sha256(file.data).hexdigest(),
        media_type=file.media_type,
        size_bytes=len(file.data),
    )


def progress_of(
    step: Step, params: StyleParams, fraction: float, eta_seconds: float | None
) -> Progress:
    """What a step's record tells the caller. Waits for the device.

    The total is by the caller's weights at every scale: what the optimiser minimises at
    the smaller ones weighs the content more, and would fall by a cliff at the last.
    """
    content, style, tv = (
        float(each) for each in (step.loss.content, step.loss.style, step.loss.tv)
    )
    weighted = (params.content_weight * content, params.style_weight * style, params.tv_weight * tv)
    return Progress(
        step=step.step,
        steps=step.steps,
        fraction=round(fraction, 4),
        scale=step.scale,
        scales=step.scales,
        width=step.width,
        height=step.height,
        loss=Loss(total=sum(weighted), content=content, style=style, tv=tv),
        eta_seconds=None if eta_seconds is None else round(eta_seconds, 1),
    )
