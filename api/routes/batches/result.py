"""The results of a batch as one archive."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime

from fastapi import APIRouter, Request, Response

from api.answers.archive import Entry, archive
from api.answers.batch_json import batch_document
from api.answers.download import Download
from api.answers.error_docs import error_responses
from api.callers.visibility import BatchDep
from api.deps import Services, ServicesDep
from core.blobs.reader import BlobReader
from core.errors import (
    BatchNotFinished,
    BlobCorrupt,
    BlobNotFound,
    JobFailed,
    JobNotFound,
    ResultExpired,
)
from core.jobs.batch import Batch
from core.jobs.job import Job
from core.jobs.status import JobStatus

router = APIRouter(tags=["batches"])


@router.get(
    "/batches/{batch_id}/result",
    operation_id="get_batch_result",
    summary="Download the results of a batch as a zip archive",
    response_class=Response,
    responses={
        200: {
            "description": "A zip archive with the result of every job that has succeeded, and "
            "`batch.json`, the batch.",
            "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
        },
        **error_responses(404, 409, 410, 503),
    },
)
def get_batch_result(batch: BatchDep, services: ServicesDep, request: Request) -> Response:
    """Return the results of a batch that is done, as a zip archive.

    A result that has expired is left out. The archive is written while it is sent, so its size is
    not known before.
    """
    results = _Results(batch, services, batch_document(batch, request.scope.get("root_path", "")))
    headers = {
        "Cache-Control": "private, no-cache",
        "Content-Disposition": f'attachment; filename="easel-{batch.id}.zip"',
    }
    return Download(archive(results.entries()), "application/zip", headers, results.close)


class _Results:
    """The files of the archive. The first result is opened at once, to refuse an empty archive.

    Raises:
        BatchNotFinished: a job has not ended.
        JobFailed: no job has succeeded.
        ResultExpired: no result is left.
    """

    def __init__(self, batch: Batch, services: Services, document: str) -> None:
        if not batch.done:
            raise BatchNotFinished(
                f"the jobs of batch {batch.id} have not all ended; poll /batches/{batch.id} until "
                "`done` is true"
            )
        if JobStatus.SUCCEEDED not in batch.statuses.values():
            raise JobFailed(f"none of the jobs of batch {batch.id} has a result")
        self._batch = batch
        self._services = services
        self._document = document.encode()
        self._open: BlobReader | None = None
        self._opened = self._each_opened()
        try:
            self._first = next(self._opened)
        except StopIteration:
            raise ResultExpired(
                f"the results of batch {batch.id} were removed; submit it again"
            ) from None

    def entries(self) -> Iterator[Entry]:
        yield self._first
        yield from self._opened
        now = datetime.now(UTC)
        yield Entry("batch.json", now, len(self._document), [self._document])

    def close(self) -> None:
        """Close the result that is open, if any."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def _each_opened(self) -> Iterator[Entry]:
        for job_id, status in self._batch.statuses.items():
            if status is JobStatus.SUCCEEDED:
                with suppress(JobNotFound, BlobNotFound, BlobCorrupt):
                    job = self._services.store.get(job_id)
                    yield self._entry(job)
                    self.close()

    def _entry(self, job: Job) -> Entry:
        if job.result is None or job.finished_at is None:
            raise BlobNotFound(f"job {job.id} has no result")
        self._open = self._services.blobs.open(job.result.sha256)
        suffix = job.result.media_type.removeprefix("image/")
        name = f"{self._batch.names.get(job.id, job.id)}.{suffix}"
        return Entry(name, job.finished_at, self._open.size, self._open.pieces())
