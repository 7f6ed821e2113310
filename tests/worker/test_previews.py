"""How the picture of a running job is shown."""

from __future__ import annotations

import io
import threading
import time

import pytest
import torch
from PIL import Image
from redis import Redis

from core.errors import StaleAttempt
from core.jobs.job import Job
from core.runtime.redis import connect
from core.store.jobs import JobStore
from core.store.previews import PREVIEW_SIDE, Previews
from tests.core.store.test_jobs import claimed
from worker.previews import INTERVAL_SECONDS, Painter, thumbnail


class Shown(Previews):
    """Says when a preview has been put."""

    def __init__(self, redis: Redis) -> None:
        super().__init__(redis)
        self.put_one = threading.Semaphore(0)

    def put(self, job: Job, version: int, jpeg: bytes) -> None:
        try:
            super().put(job, version, jpeg)
        finally:
            self.put_one.release()

    def wait(self) -> None:
        assert self.put_one.acquire(timeout=60)


def picture(width: int, height: int, level: float = 0.5) -> torch.Tensor:
    return torch.full((1, 3, height, width), level)


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


@pytest.mark.parametrize(
    ("size", "expected"),
    [((64, 48), (64, 48)), ((1024, 700), (512, 350)), ((300, 1536), (100, 512))],
)
def test_a_preview_is_a_jpeg_that_fits(size: tuple[int, int], expected: tuple[int, int]) -> None:
    shown = opened(thumbnail(picture(*size)).data)
    assert (shown.format, shown.size) == ("JPEG", expected)
    assert max(shown.size) <= PREVIEW_SIDE
    assert "icc_profile" in shown.info


def test_a_preview_shows_the_colours_of_the_picture() -> None:
    red = torch.tensor([1.0, 0.25, -0.1]).reshape(1, 3, 1, 1).expand(1, 3, 600, 600)
    assert opened(thumbnail(red).data).getpixel((9, 9)) == pytest.approx((255, 64, 0), abs=3)


def test_previews_of_a_run_rise_in_version(store: JobStore, redis: Redis) -> None:
    job, shown = claimed(store), Shown(redis)
    with Painter(shown, job, time.monotonic) as painter:
        for level in (0.1, 0.9):
            painter.show(picture(64, 48, level))
            shown.wait()
    assert store.get(job.id).preview_version == 2
    kept = connect_bytes(redis).get(f"easel:preview:{job.id}")
    assert isinstance(kept, bytes)
    assert opened(kept).getpixel((5, 5)) == pytest.approx((230, 230, 230), abs=3)


def connect_bytes(redis: Redis) -> Redis:
    options = redis.connection_pool.connection_kwargs
    url = f"redis://{options['host']}:{options['port']}/{options['db']}"
    return connect(url, patience=0, decode=False)


def test_the_next_attempt_counts_on(store: JobStore, redis: Redis) -> None:
    job, shown = claimed(store), Shown(redis)
    shown.put(job, 7, b"jpeg")
    store.hand_back(job)
    again = store.claim(job.id)
    assert again is not None
    assert again.preview_version == 7
    with pytest.raises(StaleAttempt):
        shown.put(job, 8, b"late")
    shown.put(again, 8, b"jpeg")
    assert store.get(job.id).preview_version == 8


def test_a_preview_is_due_at_once_and_then_within_two_seconds(
    store: JobStore, redis: Redis
) -> None:
    now = 0.0
    painter = Painter(Previews(redis), claimed(store), lambda: now)
    for _ in range(3):
        assert painter.due()
        painter.show(picture(64, 48))
        assert not painter.due()
        now += INTERVAL_SECONDS
    assert INTERVAL_SECONDS < 2


def test_a_run_goes_on_while_previews_cannot_be_shown(store: JobStore) -> None:
    nowhere = Shown(connect("redis://127.0.0.1:1/0", patience=0))
    with Painter(nowhere, claimed(store), time.monotonic) as painter:
        for _ in range(2):
            painter.show(picture(64, 48))
            nowhere.wait()
