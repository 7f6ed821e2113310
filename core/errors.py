"""Every error that Easel raises on purpose.

EaselError
├── InvalidRequest
│   └── InvalidPicture
├── IdempotencyKeyReused
├── JobNotFound
├── JobNotFinished
├── JobFailed
│   └── JobCanceled
├── ResultExpired
│   └── ResultDamaged
├── LinkInvalid
│   └── LinkExpired
├── StaleAttempt
├── WorkerLost
├── BlobNotFound
├── BlobCorrupt
├── ServiceUnavailable
│   ├── QueueFull
│   ├── UploadsFull
│   └── RedisUnavailable
├── TooManyJobs
├── TooManyRequests
├── KeyRequired
│   └── InvalidKey
├── InvalidSetting
├── WeightsUnavailable
│   └── WeightsCorrupt
├── LossNotFinite
└── CheckpointMismatch

The class docstring is the default message. ``code`` is a stable snake_case word
that clients may rely on; what it means in HTTP is decided in ``api.answers.errors``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class FieldError:
    """One bad field of a request, and what was expected of it."""

    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"


class EaselError(Exception):
    """Something went wrong in Easel."""

    code: ClassVar[str] = "internal_error"
    #: Whether the same request may succeed when it is simply sent again.
    retryable: ClassVar[bool] = False

    def __init__(self, message: str | None = None, *, retry_after: int | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())
        #: After how many seconds it is worth trying again, where that is known.
        self.retry_after = retry_after


class InvalidRequest(EaselError):
    """The request has fields that are missing, unknown or out of range."""

    code = "invalid_request"

    def __init__(self, errors: Sequence[FieldError], message: str | None = None) -> None:
        super().__init__(message or "; ".join(str(error) for error in errors))
        self.errors = tuple(errors)


class InvalidPicture(InvalidRequest):
    """A file is not a picture that Easel can read."""

    code = "invalid_picture"

    def __init__(self, message: str, field: str = "picture") -> None:
        super().__init__([FieldError(field, message)])
        self.message = message

    def named(self, field: str) -> InvalidPicture:
        """The same error, told of the form field that the picture came in."""
        return InvalidPicture(self.message, field)


class IdempotencyKeyReused(EaselError):
    """The Idempotency-Key was used for another request. Take a new key for each."""

    code = "idempotency_key_reused"


class JobNotFound(EaselError):
    """There is no such job. It may have expired, or the id may be mistyped."""

    code = "job_not_found"


class JobNotFinished(EaselError):
    """The job has no result yet. Poll the job until `done` is true."""

    code = "job_not_finished"


class JobFailed(EaselError):
    """The job ended without a result. Its `error` says why."""

    code = "job_failed"


class JobCanceled(JobFailed):
    """The job was called off, so there is no result."""

    code = "job_canceled"


class ResultExpired(EaselError):
    """The result was removed after its retention time. Submit the job again."""

    code = "result_expired"


class ResultDamaged(ResultExpired):
    """The stored result is damaged and cannot be given out. Submit the job again."""

    code = "result_damaged"


class LinkInvalid(EaselError):
    """The link was not made by this service, or was changed since. Ask for a new one."""

    code = "link_invalid"


class LinkExpired(LinkInvalid):
    """The link does not hold any more. Ask for a new one."""

    code = "link_expired"


class StaleAttempt(EaselError):
    """A write came from an attempt that no longer owns the job."""

    code = "stale_attempt"


class WorkerLost(EaselError):
    """The worker died while it ran the job."""

    code = "worker_lost"
    retryable = True


class BlobNotFound(EaselError):
    """A stored picture is missing."""

    code = "blob_not_found"


class BlobCorrupt(EaselError):
    """A stored picture is damaged. Sending it again mends it."""

    code = "blob_corrupt"
    retryable = True


class ServiceUnavailable(EaselError):
    """A part that Easel depends on is away. Try again shortly."""

    code = "service_unavailable"
    retryable = True


class QueueFull(ServiceUnavailable):
    """Too many jobs wait already."""

    code = "queue_full"


class UploadsFull(ServiceUnavailable):
    """Too many uploads are under way already. Try again shortly."""

    code = "uploads_full"


class TooManyJobs(EaselError):
    """The caller has too many unfinished jobs."""

    code = "too_many_jobs"
    retryable = True


class TooManyRequests(EaselError):
    """The caller has sent too many requests."""

    code = "too_many_requests"
    retryable = True


class KeyRequired(EaselError):
    """The request has no API key. Send `Authorization: Bearer KEY`, or `X-API-Key: KEY`."""

    code = "key_required"


class InvalidKey(KeyRequired):
    """The API key is not one of this server's, or was revoked. Ask whoever runs it for another."""

    code = "invalid_key"


class InvalidSetting(EaselError):
    """A setting of the deployment does not fit."""

    code = "invalid_setting"


class RedisUnavailable(ServiceUnavailable):
    """Redis, which holds the jobs, is away. Try again shortly."""


class WeightsUnavailable(EaselError):
    """The network's weights are neither in the cache nor to be fetched."""

    code = "weights_unavailable"
    retryable = True


class WeightsCorrupt(WeightsUnavailable):
    """The network's weights in the cache are not the ones that were stored."""

    code = "weights_corrupt"


class LossNotFinite(EaselError):
    """The loss became infinite or not a number."""

    code = "loss_not_finite"


class CheckpointMismatch(EaselError):
    """A checkpoint is damaged, or belongs to another request."""

    code = "checkpoint_mismatch"
