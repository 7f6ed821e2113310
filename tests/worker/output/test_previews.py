"""Previews of a running job, and the copies of results for screens."""

from __future__ import annotations

import io
import threading
import time

import pytest
import torch
from PIL import ExifTags, Image
from redis import Redis

from core.errors import StaleAttempt
from core.jobs.job import Job
from core.params import PictureFormat
from core.runtime.redis import connect
from core.store.jobs import JobStore
from core.store.previews import PREVIEW_SIDE, Previews
from tests.core.store.test_jobs import claimed
from tests.worker.conftest import Clock
from worker.output.previews import (
    INTERVAL_SECONDS,
    PreviewSender,
    content_copy,
    copies_of,
    thumbnail,
)


class ObservedPreviews(Previews):
    """Previews that let the test wait until one was stored, or refused."""

    def __init__(self, redis: Redis) -> None:
        super().__init__(redis)
        self._attempts = threading.Semaphore(0)

    def put(self, job: Job, version: int, jpeg: bytes) -> None:
        try:
            super().put(job, version, jpeg)
        finally:
            self._attempts.release()

    def wait(self) -> None:
        assert self._attempts.acquire(timeout=60)


def picture(width: int, height: int, grey: float = 0.5) -> torch.Tensor:
    return torch.full((1, 3, height, width), grey)


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


@pytest.mark.parametrize(
    ("size", "expected"),
    [((64, 48), (64, 48)), ((1024, 700), (512, 350)), ((300, 1536), (100, 512))],
)
def test_a_preview_is_a_jpeg_that_fits(size: tuple[int, int], expected: tuple[int, int]) -> None:
    preview = opened(thumbnail(picture(*size)).data)
    assert (preview.format, preview.size) == ("JPEG", expected)
    assert max(preview.size) <= PREVIEW_SIDE
    assert "icc_profile" in preview.info


def test_a_preview_shows_the_colours_of_the_picture() -> None:
    red = torch.tensor([1.0, 0.25, -0.1]).reshape(1, 3, 1, 1).expand(1, 3, 600, 600)
    assert opened(thumbnail(red).data).getpixel((9, 9)) == pytest.approx((255, 64, 0), abs=3)


@pytest.mark.parametrize(
    ("size", "alpha", "result_format", "expected"),
    [
        ((100, 80), None, PictureFormat.PNG, None),
        ((101, 80), None, PictureFormat.PNG, ("JPEG", (100, 79), "RGB")),
        ((300, 600), None, PictureFormat.WEBP, ("JPEG", (50, 100), "RGB")),
        ((300, 600), 128, PictureFormat.WEBP, ("WEBP", (50, 100), "RGBA")),
        ((300, 600), 128, PictureFormat.JPEG, ("JPEG", (50, 100), "RGB")),
        ((64, 48), None, PictureFormat.TIFF, ("JPEG", (64, 48), "RGB")),
        ((64, 48), 128, PictureFormat.TIFF, ("WEBP", (64, 48), "RGBA")),
    ],
)
def test_a_result_that_is_large_or_not_displayable_has_a_copy_for_screens(
    size: tuple[int, int],
    alpha: int | None,
    result_format: PictureFormat,
    expected: tuple[str, tuple[int, int], str] | None,
) -> None:
    opacity = None if alpha is None else Image.new("L", (9, 9), alpha)
    copy = copies_of(picture(*size), opacity, result_format, 100).get("display")
    if expected is None:
        assert copy is None
        return
    assert copy is not None
    shown = opened(copy.data)
    assert (shown.format, shown.size, shown.mode) == expected
    assert copy.media_type == Image.MIME[expected[0]]
    on_white = alpha is not None and result_format is PictureFormat.JPEG
    red = shown.convert("RGBA").getpixel((20, 20))[0]  # type: ignore[index]
    assert red == pytest.approx(191 if on_white else 128, abs=3)


@pytest.mark.parametrize(("side", "size"), [(64, (32, 64)), (400, (100, 200))])
def test_the_copy_of_a_content_is_small_and_has_no_metadata(
    side: int, size: tuple[int, int]
) -> None:
    content = Image.new("RGB", (100, 200), (200, 100, 50))
    content.getexif()[ExifTags.Base.ImageDescription] = "where it was taken"
    copy = opened(content_copy(content, side).data)
    assert (copy.format, copy.size) == ("JPEG", size)
    assert not copy.getexif()
    assert copy.getpixel((9, 9)) == pytest.approx((200, 100, 50), abs=3)


def test_each_preview_of_a_run_increments_the_version(store: JobStore, redis: Redis) -> None:
    job, previews = claimed(store), ObservedPreviews(redis)
    with PreviewSender(previews, job, time.monotonic) as sender:
        for grey in (0.1, 0.9):
            sender.send(picture(64, 48, grey), 0)
            previews.wait()
    assert store.get(job.id).preview_version == 2
    jpeg = undecoded(redis).get(f"easel:preview:{job.id}")
    assert isinstance(jpeg, bytes)
    assert opened(jpeg).getpixel((5, 5)) == pytest.approx((230, 230, 230), abs=3)


def undecoded(redis: Redis) -> Redis:
    """Return a client of the same server whose replies are bytes."""
    options = redis.connection_pool.connection_kwargs
    url = f"redis://{options['host']}:{options['port']}/{options['db']}"
    return connect(url, patience=0, decode=False)


def test_the_next_attempt_continues_the_versions(store: JobStore, redis: Redis) -> None:
    job, previews = claimed(store), Previews(redis)
    previews.put(job, 7, b"jpeg")
    store.hand_back(job)
    second_attempt = store.claim(job.id)
    assert second_attempt is not None
    assert second_attempt.preview_version == 7
    with pytest.raises(StaleAttempt):
        previews.put(job, 8, b"late")
    previews.put(second_attempt, 8, b"jpeg")
    assert store.get(job.id).preview_version == 8


def test_a_preview_is_due_at_once_and_then_at_every_interval(
    store: JobStore, previews: Previews, clock: Clock
) -> None:
    sender = PreviewSender(previews, claimed(store), clock)
    for _ in range(3):
        assert sender.due(0)
        sender.send(picture(64, 48), 0)
        assert not sender.due(0)
        clock.now += INTERVAL_SECONDS


def test_a_preview_is_due_as_soon_as_a_scale_is_done(
    store: JobStore, previews: Previews, clock: Clock
) -> None:
    sender = PreviewSender(previews, claimed(store), clock)
    sender.send(picture(64, 48), 0)
    assert sender.due(1)
    sender.send(picture(64, 48), 1)
    assert not sender.due(1)


def test_a_run_continues_while_previews_cannot_be_stored(store: JobStore) -> None:
    previews = ObservedPreviews(connect("redis://127.0.0.1:1/0", patience=0))
    with PreviewSender(previews, claimed(store), time.monotonic) as sender:
        for _ in range(2):
            sender.send(picture(64, 48), 0)
            previews.wait()
