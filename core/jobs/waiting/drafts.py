"""Drafts: small jobs that are painted anew whenever their parameters change.

A draft never ends by itself. Once it is painted it rests: it is queued, but no worker takes it
until it is changed. So it takes a worker only while there is something to paint.
"""

from __future__ import annotations

from datetime import timedelta

from core.params import StyleParams

#: The longer side of a draft, in pixels, and the most steps at each of its scales.
SIZE, MAX_STEPS = 192, 300

#: A draft is canceled when nobody has read it for so long, or when it is so old, in seconds.
IDLE_SECONDS, LIFE_SECONDS = 60, 3600

#: The most drafts of a caller. Another one takes the place of the one read least recently.
MAX_DRAFTS = 2

#: How long a worker repaints one draft before it lets other jobs go first, in seconds.
TURN_SECONDS = 10.0

#: How long the pictures of a draft are kept after its end.
RETENTION = timedelta(minutes=10)


def draft_params(params: StyleParams) -> StyleParams:
    """Return the parameters of the draft of a job: the same at a small size."""
    size, steps = min(params.size, SIZE), min(params.steps, MAX_STEPS)
    return params.model_copy(update={"size": size, "steps": steps})
