"""Limits for new jobs, and the memory that they need."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidRequest, QueueFull, StorageQuotaExceeded, TooManyJobs
from core.jobs.admission import Admission, Load
from core.jobs.footprint import footprint
from core.jobs.pictures import JobPictures
from core.jobs.workers import WorkerInfo
from core.params import MIN_SIZE, StyleParams
from core.params.choices import Optimizer, Precision

GIB = 2**30


def admission(*memories: int | None, queue: int = 10, caller: int = 3) -> Admission:
    workers = tuple(
        WorkerInfo(id=str(number), device="cpu", networks=(), memory_total_bytes=memory)
        for number, memory in enumerate(memories)
    )
    return Admission("somebody", queue, caller, workers)


def test_there_is_room_below_the_limits() -> None:
    admission().check_load(Load(queued=9, unfinished=2, run_seconds=None))


@pytest.mark.parametrize("queued", [10, 11])
def test_a_full_queue_is_reported_with_its_length_and_limit(queued: int) -> None:
    with pytest.raises(
        QueueFull, match=f"{queued} jobs are queued already, and at most 10 are allowed"
    ):
        admission().check_load(Load(queued=queued, unfinished=0, run_seconds=1))


def test_too_many_jobs_of_a_caller_are_reported_with_the_remedy() -> None:
    with pytest.raises(TooManyJobs, match=r"3 of your jobs are unfinished.* cancel one"):
        admission().check_load(Load(queued=0, unfinished=3, run_seconds=1))


def test_a_quota_includes_the_pictures_of_the_new_job() -> None:
    limits = Admission("somebody", 10, 3, max_stored_bytes_per_caller=100)
    limits.check_load(Load(0, 0, None, stored_bytes=90), upload_bytes=10)
    with pytest.raises(StorageQuotaExceeded, match=r"hold 90 bytes .* at most 100 .* delete jobs"):
        limits.check_load(Load(0, 0, None, stored_bytes=90), upload_bytes=11)
    with pytest.raises(StorageQuotaExceeded):  # before the body is read
        limits.check_load(Load(0, 0, None, stored_bytes=100))


@pytest.mark.parametrize(
    ("queued", "run_seconds", "workers", "expected"),
    [
        (10, 40.0, 1, 40),  # one job must end
        (10, 40.0, 4, 10),
        (14, 40.0, 4, 50),
        (10, 40.0, 0, 40),
        (10, 0.01, 1, 1),
        (999, 60.0, 1, 300),
        (10, None, 1, 10),
    ],
)
def test_retry_after_follows_from_the_run_time(
    queued: int, run_seconds: float | None, workers: int, expected: int
) -> None:
    with pytest.raises(QueueFull) as caught:
        admission(*[None] * workers).check_load(Load(queued, 0, run_seconds))
    assert caught.value.retry_after == expected


def test_a_job_that_fits_one_worker_is_accepted() -> None:
    admission(1 * GIB, 8 * GIB).check_memory(StyleParams(size=1024), JobPictures.square(1024))


def test_a_job_that_fits_no_worker_is_refused_with_a_size_that_fits() -> None:
    with pytest.raises(InvalidRequest) as caught:
        admission(2 * GIB, 4 * GIB).check_memory(StyleParams(size=4096), JobPictures.square(4096))
    (error,) = caught.value.errors
    assert error.field == "size"
    assert error.message.startswith("4096 needs about 7.1 GiB of memory, and the largest worker")
    assert "has 4.0 GiB" in error.message
    size = int(error.message.rpartition(" ")[2])
    needed = footprint(StyleParams(), None).needed
    assert needed(size * size) <= 4 * GIB < needed((size + 3) ** 2)


def test_the_message_says_when_no_size_fits() -> None:
    with pytest.raises(InvalidRequest, match="no size fits"):
        admission(GIB // 2).check_memory(StyleParams(size=64), JobPictures.square(64))


def test_a_job_is_accepted_when_a_workers_memory_is_unknown() -> None:
    for memories in ((), (None,), (1, None)):
        admission(*memories).check_memory(StyleParams(size=8192), JobPictures.square(8192))


@given(
    size=st.integers(MIN_SIZE, 8192),
    width=st.integers(300, 6000),
    height=st.integers(300, 6000),
    memory=st.integers(GIB, 200 * GIB),
)
def test_the_largest_size_fits(size: int, width: int, height: int, memory: int) -> None:
    def pixels(size: int) -> int:
        long, short = StyleParams.model_construct(size=size).scaled_size((width, height), "x")
        return long * short

    if size * min(width, height) / max(width, height) < 100:
        return  # rounding a very short side changes the pixels more than the estimate allows
    usage = footprint(StyleParams(), None)
    fits = usage.largest_size(size, pixels(size), memory)
    if fits is not None and fits * min(width, height) / max(width, height) >= 100:
        assert usage.needed(pixels(fits)) <= memory * 1.01


def test_the_footprint_depends_on_the_workers_precision() -> None:
    params, pictures, memory = StyleParams(size=1024), JobPictures.square(1024), 25 * GIB // 10
    fast = WorkerInfo(
        id="1",
        device="cpu",
        networks=(),
        memory_total_bytes=memory,
        precision=Precision.BFLOAT16,
    )
    limits = Admission("somebody", 10, 3, (fast,))
    limits.check_memory(params, pictures)
    assert limits.memory_needed(params, pictures) < memory
    exact = params.model_copy(update={"precision": Precision.FLOAT32})
    without_units = fast.model_copy(update={"precision": Precision.FLOAT32})
    slow = Admission("somebody", 10, 3, (without_units,))
    falls_back = params.model_copy(update={"precision": Precision.BFLOAT16})
    assert slow.memory_needed(falls_back, pictures) == slow.memory_needed(exact, pictures)
    with pytest.raises(InvalidRequest):
        limits.check_memory(exact, pictures)
    unknown = Admission("somebody", 10, 3, (fast, fast.model_copy(update={"precision": None})))
    assert (
        unknown.memory_needed(params, pictures) == unknown.memory_needed(exact, pictures) > memory
    )


#: Peaks of whole processes on x86, printed by ``python -m bench.memory``.
MEASURED_MIB = {
    (Precision.INT8, Optimizer.LBFGS): {256: 610, 512: 903, 1024: 1846, 2048: 2437},
    (Precision.INT8, Optimizer.ADAM): {256: 598},
    (Precision.FLOAT32, Optimizer.LBFGS): {512: 1069},
}


@pytest.mark.parametrize(("precision", "optimizer"), MEASURED_MIB)
def test_the_estimate_is_slightly_above_the_measured_peak(
    precision: Precision, optimizer: Optimizer
) -> None:
    for size, peak in MEASURED_MIB[precision, optimizer].items():
        params = StyleParams(size=size, precision=precision, optimizer=optimizer)
        estimate = footprint(params, precision).needed(size * size) / 2**20
        assert 1.05 < estimate / peak < 1.27, (size, estimate)


@pytest.mark.parametrize(("regions", "peak"), [(0, 905), (2, 1051), (8, 1095)])
def test_the_estimate_with_masks_is_slightly_above_the_measured_peak(
    regions: int, peak: int
) -> None:
    pixels = 512 * 512
    decoded = 2 * 4 * pixels + 2 * 7 * pixels * bool(regions)
    pictures = JobPictures(pixels, (pixels,), regions, decoded_bytes=decoded)
    estimate = footprint(StyleParams(size=512), Precision.INT8, pictures).needed(pixels) / 2**20
    assert 1.05 < estimate / peak < 1.27


def test_content_layers_at_high_resolution_take_more_memory() -> None:
    params = StyleParams(
        precision=Precision.BFLOAT16,
        content_layers=("conv1_1", "conv1_2", "conv2_1", "conv4_2"),
    )
    usual = params.model_copy(update={"content_layers": ("conv4_2",)})
    for pixels in (512 * 512, 4096 * 4096):
        more, less = (
            footprint(each, Precision.BFLOAT16).needed(pixels) for each in (params, usual)
        )
        # 64 + 64 + 32 activations for each pixel are kept in bfloat16 at least.
        assert more - less > 2 * 160 * pixels


def needed(pictures: JobPictures, **fields: object) -> int:
    """Return the memory of a job, in bytes."""
    params = StyleParams.model_validate({"precision": "bfloat16", **fields})
    return footprint(params, Precision.BFLOAT16, pictures).needed(pictures.largest)


@pytest.mark.parametrize("size", [512, 4096])
def test_each_region_takes_the_memory_of_its_maps(size: int) -> None:
    pixels = size * size
    without, two, four = (
        needed(replace(JobPictures.square(size), regions=count), style_layers="conv1_1,conv2_1")
        for count in (0, 2, 4)
    )
    # In float32, for the content and for a style: at each pixel, and at each position of conv2_1.
    assert four - two >= 2 * 2 * 4 * (pixels + pixels // 4)
    assert two - without >= four - two


def test_a_job_with_masks_that_do_not_fit_is_refused_with_a_size_that_fits() -> None:
    plain = JobPictures.square(4096)
    masked = replace(plain, regions=8)
    params = StyleParams(size=4096)
    admission(8 * GIB).check_memory(params, plain)
    with pytest.raises(InvalidRequest, match=r"needs about \d+\.\d GiB") as caught:
        admission(8 * GIB).check_memory(params, masked)
    size = int(str(caught.value).rpartition(" ")[2])
    assert 2048 < size < 4096
    admission(8 * GIB).check_memory(
        params.model_copy(update={"size": size}), replace(JobPictures.square(size), regions=8)
    )


def test_a_detail_map_and_a_picture_to_start_from_take_memory() -> None:
    plain = JobPictures.square(2048)
    assert needed(replace(plain, detail_map=True)) >= needed(plain) + 4 * plain.content
    assert needed(plain, init="image") >= needed(plain) + 3 * plain.content


def test_further_styles_take_memory_and_more_of_it_if_they_are_recoloured() -> None:
    pixels = 1000 * 1000
    one, three = JobPictures(pixels, (pixels,)), JobPictures(pixels, (pixels,) * 3)
    assert needed(three) - needed(one) >= 2 * 3 * pixels
    assert needed(three, color="match") - needed(one, color="match") >= 2 * 12 * pixels


def test_decoded_files_take_memory_at_every_size() -> None:
    small = JobPictures.square(64)
    photograph = replace(small, decoded_bytes=4 * 64_000_000)
    assert needed(photograph) >= needed(small) + 4 * 63_000_000
    with pytest.raises(InvalidRequest, match="no size fits; send fewer or smaller pictures"):
        admission(GIB // 2).check_memory(StyleParams(size=64), photograph)
