"""Blobs in a bucket of Amazon S3, or of anything that speaks its protocol."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from core.errors import InvalidSetting

if TYPE_CHECKING:
    from obstore.store import S3Config


class BucketShelf:
    """An object for each blob. Keys and region come from the usual AWS_ variables.

    A removal looks at the object's age and then removes it, which S3 cannot do in
    one go. That nobody puts the same bytes between the two, ``core.store.holds`` sees to.

    Args:
        bucket: its name; it must exist.
        prefix: what the names of all objects start with. One deployment, one prefix.
        endpoint: where it is, if not at Amazon.
        patience: how often a request is tried again.
    """

    def __init__(self, bucket: str, prefix: str, endpoint: str | None, patience: int) -> None:
        import obstore
        from obstore.exceptions import BaseError
        from obstore.store import S3Store

        self.name = f"s3://{bucket}/{prefix}" if prefix else f"s3://{bucket}"
        self.failures = (BaseError, OSError)
        self._obstore = obstore
        elsewhere: S3Config = {"endpoint": endpoint} if endpoint else {}
        try:
            self._store = S3Store(
                bucket,
                prefix=prefix or None,
                config=elsewhere,
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
                "AWS_SECRET_ACCESS_KEY and AWS_REGION, and EASEL_S3_ENDPOINT if it is not Amazon's"
            ) from error

    def write(self, digest: str, data: bytes) -> None:
        """Keep the bytes: in one request, so that nothing is ever left half done."""
        self._obstore.put(self._store, digest, data, use_multipart=False)

    def read(self, digest: str) -> bytes | None:
        """The bytes, or None."""
        try:
            return bytes(self._obstore.get(self._store, digest).bytes())
        except FileNotFoundError:
            return None

    def exists(self, digest: str) -> bool:
        """Whether there is such an object."""
        return self._age(digest) is not None

    def remove(self, digest: str, older_than: float) -> bool:
        """Remove an object of at least that age; whether one was."""
        age = self._age(digest)
        if age is None or age < older_than:
            return False
        self._obstore.delete(self._store, digest)
        return True

    def ages(self) -> Iterator[tuple[str, float]]:
        """Every blob, and the seconds since it was last written."""
        now = datetime.now(UTC)
        for page in self._obstore.list(self._store):
            for each in page:
                yield each["path"], (now - each["last_modified"]).total_seconds()

    def remove_strays(self, older_than: float) -> int:  # noqa: ARG002 - a Shelf has it
        """There are none: an object appears whole."""
        return 0

    def check(self) -> None:
        """Fail unless the bucket answers."""
        next(iter(self._obstore.list(self._store, chunk_size=1)), None)

    def _age(self, digest: str) -> float | None:
        try:
            written = self._obstore.head(self._store, digest)["last_modified"]
        except FileNotFoundError:
            return None
        return (datetime.now(UTC) - written).total_seconds()
