"""A blob backend in a bucket of Amazon S3 or an S3-compatible store."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from core.blobs.pieces import Pieces, cut, size_of
from core.errors import InvalidSetting

if TYPE_CHECKING:
    from obstore.store import S3Config, S3Store

#: The bytes of a part of an upload. S3 allows 10,000 parts, and holding one object of this size
#: in a single request costs no more memory than the parts on their way.
_PART = 16 * 2**20
#: The parts that are sent at a time.
_PARTS_AT_ONCE = 4


class S3Backend:
    """One object for each blob. Credentials and region come from the usual AWS_ variables.

    S3 cannot check the age of an object and remove it atomically, so a removal takes two
    requests. ``core.store.holds`` prevents that a blob is put between them.

    Args:
        bucket: the name of an existing bucket.
        prefix: the prefix of all object names. Each deployment needs its own.
        endpoint: the URL of an S3-compatible store; None for Amazon S3.
        patience: how many times a failed request is retried.

    Raises:
        InvalidSetting: credentials, region or endpoint are missing or invalid.
    """

    def __init__(self, bucket: str, prefix: str, endpoint: str | None, patience: int) -> None:
        import obstore
        from obstore.exceptions import BaseError
        from obstore.store import S3Store

        self.name = f"s3://{bucket}/{prefix}" if prefix else f"s3://{bucket}"
        self.failures = (BaseError, OSError)
        self._obstore = obstore
        config: S3Config = {"endpoint": endpoint} if endpoint else {}
        try:
            self._store = S3Store(
                bucket,
                prefix=prefix or None,
                config=config,
                client_options={
                    "allow_http": endpoint is not None and endpoint.startswith("http://"),
                    "connect_timeout": timedelta(seconds=5),
                    "timeout": timedelta(seconds=60),
                },
                retry_config={
                    "max_retries": patience,
                    "backoff": {"max_backoff": timedelta(seconds=0.5)},
                },
            )
        except BaseError as error:
            reason = str(error).splitlines()[0]
            raise InvalidSetting(
                f"{self.name} cannot be used: {reason}; set AWS_ACCESS_KEY_ID, "
                "AWS_SECRET_ACCESS_KEY and AWS_REGION, and EASEL_S3_ENDPOINT unless it is Amazon S3"
            ) from error

    def write(self, digest: str, pieces: Pieces) -> None:
        """Store the bytes: small ones in a single request, so that no partial uploads remain."""
        parts = cut(pieces, _PART)
        if size_of(pieces) <= _PART:
            self._obstore.put(self._store, digest, b"".join(parts), use_multipart=False)
        else:
            self._obstore.put(
                self._store, digest, parts, chunk_size=_PART, max_concurrency=_PARTS_AT_ONCE
            )

    def read(self, digest: str) -> bytes | None:
        """Return the bytes, or None if there is no such blob."""
        try:
            return bytes(self._obstore.get(self._store, digest).bytes())
        except FileNotFoundError:
            return None

    def open(self, digest: str) -> _OpenObject | None:
        """Open a blob; None if there is no such blob."""
        try:
            return _OpenObject(self._store, digest)
        except FileNotFoundError:
            return None

    def remove(self, digest: str, older_than: float) -> bool:
        """Remove an object of at least that age in seconds; return whether it was removed."""
        age = self._age(digest)
        if age is None or age < older_than:
            return False
        self._obstore.delete(self._store, digest)
        return True

    def ages(self) -> Iterator[tuple[str, float]]:
        """Yield the digest of every blob, and the seconds since it was last written."""
        now = datetime.now(UTC)
        for page in self._obstore.list(self._store):
            for each in page:
                yield each["path"], (now - each["last_modified"]).total_seconds()

    def remove_strays(self, older_than: float) -> int:  # noqa: ARG002 - part of BlobBackend
        """Return 0: S3 writes objects atomically."""
        return 0

    def check(self) -> None:
        """Raise an error unless the bucket can be listed."""
        next(iter(self._obstore.list(self._store, chunk_size=1)), None)

    def _age(self, digest: str) -> float | None:
        try:
            written = self._obstore.head(self._store, digest)["last_modified"]
        except FileNotFoundError:
            return None
        return (datetime.now(UTC) - written).total_seconds()


class _OpenObject:
    piece_bytes = 256 * 1024  # each is a request

    def __init__(self, store: S3Store, digest: str) -> None:
        import obstore

        self._get_range = partial(obstore.get_range, store, digest)
        self.size = obstore.head(store, digest)["size"]

    def read(self, offset: int, length: int) -> bytes:
        try:
            return bytes(self._get_range(start=offset, length=length))
        except FileNotFoundError:
            return b""

    def close(self) -> None:
        """Do nothing: the connections belong to the store."""
