"""Every exception that Easel raises on purpose, in one tree.

EaselError
├── InvalidRequest: InvalidPicture
├── IdempotencyKeyReused
├── JobNotFound: DeliveryNotFound, BatchNotFound
├── JobNotFinished: NoPreviewYet, BatchNotFinished
├── JobFinished
├── JobChanged
├── JobFailed: JobCanceled
├── ResultExpired: ResultDamaged
├── LinkInvalid: LinkExpired
├── SecretConfigured
├── StaleAttempt
├── WorkerLost
├── BlobNotFound
├── BlobCorrupt
├── ServiceUnavailable: QueueFull, UploadsFull, ConnectionsFull, RedisUnavailable, NewerRecord
├── TooManyJobs
├── StorageQuotaExceeded
├── TooManyRequests: TooManyConnections
├── KeyRequired: InvalidKey
├── HostRefused
├── OriginRefused
├── InvalidSetting
├── PackageMissing
├── WeightsUnavailable: WeightsCorrupt
├── LossNotFinite
├── TimeLimit
├── CheckpointMismatch
├── AddressRefused
├── NameNotResolved
├── CannotStart
├── ServerRefused
├── ServerUnreachable
└── Interrupted

The class docstring is the default message. ``code`` is a stable snake_case word
that clients may rely on; a subclass without one inherits its parent's, and likewise for
``retryable`` and ``exit_code``. ``api.answers.errors`` maps the classes to HTTP statuses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class FieldError:
    """An invalid field of a request, and what was expected of it."""

    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"


class EaselError(Exception):
    """Something went wrong in Easel."""

    code: ClassVar[str] = "internal_error"
    #: Whether the same request may succeed when it is sent again unchanged.
    retryable: ClassVar[bool] = False
    #: The exit status of the command line.
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str | None = None, *, retry_after: int | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())
        #: Seconds to wait before trying again; None if unknown.
        self.retry_after = retry_after

    def __init_subclass__(
        cls, *, code: str | None = None, retryable: bool | None = None, exit_code: int | None = None
    ) -> None:
        super().__init_subclass__()
        cls.code = code or cls.code
        cls.retryable = cls.retryable if retryable is None else retryable
        cls.exit_code = exit_code or cls.exit_code


class InvalidRequest(EaselError, code="invalid_request"):
    """The request has fields that are missing, unknown or out of range."""

    def __init__(self, errors: Sequence[FieldError], message: str | None = None) -> None:
        super().__init__(message or "; ".join(str(error) for error in errors))
        self.errors = tuple(errors)


class InvalidPicture(InvalidRequest, code="invalid_picture"):
    """The file is not a picture that Easel can read."""

    def __init__(self, message: str, field: str = "picture") -> None:
        super().__init__([FieldError(field, message)])
        self.message = message


class IdempotencyKeyReused(EaselError, code="idempotency_key_reused"):
    """The Idempotency-Key was already used for another request. Use a new key for each request."""


class JobNotFound(EaselError, code="job_not_found"):
    """There is no such job. It may have expired, or the id may be mistyped."""


class DeliveryNotFound(JobNotFound, code="delivery_not_found"):
    """There is no such delivery. Its job may have expired, or the id may be mistyped."""


class BatchNotFound(JobNotFound, code="batch_not_found"):
    """There is no such batch. It may have expired, or the id may be mistyped."""


class JobNotFinished(EaselError, code="job_not_finished"):
    """The job has no result yet. Poll the job until `done` is true."""


class NoPreviewYet(JobNotFinished, code="no_preview_yet"):
    """There is no preview of the job yet. Ask again when `preview_version` is above 0."""


class BatchNotFinished(JobNotFinished, code="batch_not_finished"):
    """Some jobs of the batch have not ended. Poll the batch until `done` is true."""


class JobFinished(EaselError, code="job_finished"):
    """The job has made its last step, so it cannot change. Send `continue_from` with its ID."""


class JobChanged(EaselError, code="job_changed"):
    """The job was changed since you read it. Read it again, then send your change again."""


class JobFailed(EaselError, code="job_failed", exit_code=3):
    """The job ended without a result. Its `error` has the reason."""


class JobCanceled(JobFailed, code="job_canceled"):
    """The job was canceled, so it has no result."""


class ResultExpired(EaselError, code="result_expired"):
    """The result was removed after its retention time. Submit the job again."""


class ResultDamaged(ResultExpired, code="result_damaged"):
    """The stored result is damaged and cannot be returned. Submit the job again."""


class LinkInvalid(EaselError, code="link_invalid"):
    """The link was not signed by this service, or was changed since. Request a new one."""


class LinkExpired(LinkInvalid, code="link_expired"):
    """The link has expired. Request a new one."""


class SecretConfigured(EaselError, code="secret_configured"):
    """The operator of this server has set the webhook secret. Only the operator can rotate it."""


class StaleAttempt(EaselError, code="stale_attempt"):
    """A write came from an attempt that no longer owns the job."""


class WorkerLost(EaselError, code="worker_lost", retryable=True):
    """The worker died while it ran the job."""


class BlobNotFound(EaselError, code="blob_not_found"):
    """A stored picture is missing."""


class BlobCorrupt(EaselError, code="blob_corrupt", retryable=True):
    """A stored picture is damaged. Uploading it again repairs it."""


class ServiceUnavailable(EaselError, code="service_unavailable", retryable=True):
    """A service that Easel depends on is unavailable. Try again shortly."""


class QueueFull(ServiceUnavailable, code="queue_full"):
    """The queue is full: too many jobs are waiting already."""


class UploadsFull(ServiceUnavailable, code="uploads_full"):
    """Too many uploads are in progress already. Try again shortly."""


class ConnectionsFull(ServiceUnavailable, code="connections_full"):
    """The server answers too many requests at a time already. Try again shortly."""


class RedisUnavailable(ServiceUnavailable):
    """Redis, which stores the jobs, is unavailable. Try again shortly."""


class NewerRecord(ServiceUnavailable, code="newer_record"):
    """A newer version of Easel, which is being rolled out, wrote the job. Try again shortly."""

    def __init__(self, schema: str, known: int | str) -> None:
        super().__init__(
            f"the job's record has schema version {schema}, and this process reads versions up to "
            f"{known}: a newer version of Easel is being rolled out; try again shortly"
        )
        #: The schema version of the record.
        self.schema = schema


class TooManyJobs(EaselError, code="too_many_jobs", retryable=True):
    """The caller has too many unfinished jobs."""


class StorageQuotaExceeded(EaselError, code="storage_quota_exceeded"):
    """The files of the caller's jobs take too much storage. Delete jobs that you do not need."""


class TooManyRequests(EaselError, code="too_many_requests", retryable=True):
    """The caller has sent too many requests."""


class TooManyConnections(TooManyRequests, code="too_many_connections"):
    """The caller has too many requests open at a time."""


class KeyRequired(EaselError, code="key_required"):
    """The request has no API key. Send `Authorization: Bearer KEY`, or `X-API-Key: KEY`."""


class InvalidKey(KeyRequired, code="invalid_key"):
    """The API key is unknown or was revoked. Ask the operator of this server for a new one."""


class HostRefused(EaselError, code="host_refused"):
    """The request calls this server by a name that it does not have."""


class OriginRefused(EaselError, code="origin_refused"):
    """A web page of another site may not use this server without an API key."""


class InvalidSetting(EaselError, code="invalid_setting"):
    """A setting of the deployment is invalid."""


class PackageMissing(EaselError, code="package_missing"):
    """A package that this needs is not installed."""


class WeightsUnavailable(EaselError, code="weights_unavailable", retryable=True):
    """The network's weights are not in the cache and cannot be downloaded."""


class WeightsCorrupt(WeightsUnavailable, code="weights_corrupt"):
    """The network's weights in the cache differ from what was stored."""


class TimeLimit(EaselError, code="time_limit"):
    """The job did not end within its time."""


class LossNotFinite(EaselError, code="loss_not_finite"):
    """The loss became infinite or NaN."""


class CheckpointMismatch(EaselError, code="checkpoint_mismatch"):
    """The checkpoint is damaged, or belongs to another request."""


class AddressRefused(EaselError, code="address_refused"):
    """Webhooks are not sent to this host."""


class NameNotResolved(EaselError, code="name_not_known", retryable=True):
    """The host name cannot be resolved at the moment."""


class CannotStart(EaselError):
    """Easel cannot start here. Its message says what is in the way."""


class ServerRefused(EaselError, code="refused"):
    """The server refused the request."""


class ServerUnreachable(EaselError, code="server_away", exit_code=5):
    """The server cannot be reached."""


class Interrupted(EaselError, code="interrupted", exit_code=130):
    """The user pressed Ctrl-C."""
