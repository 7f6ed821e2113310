"""A zip archive that is written while it is sent, so that it is never in memory as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple
from zipfile import ZIP_STORED, ZipFile, ZipInfo


class Entry(NamedTuple):
    """A file in an archive."""

    name: str
    modified: datetime
    size: int
    #: Its bytes.
    pieces: Iterable[bytes]


class _Sink:
    """What an archive is written to: it keeps the bytes until they are taken."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Do nothing: the bytes are taken."""

    def close(self) -> None:
        """Do nothing: it is not a file."""

    def take(self) -> bytes:
        data = b"".join(self._pieces)
        self._pieces.clear()
        return data


def archive(entries: Iterable[Entry]) -> Iterator[bytes]:
    """Yield the bytes of a zip archive. Pictures are compressed already, so they are stored.

    Args:
        entries: the files. The next one is asked for when the one before is written.
    """
    sink = _Sink()
    with ZipFile(sink, "w", ZIP_STORED) as file:
        for entry in entries:
            info = ZipInfo(entry.name, entry.modified.timetuple()[:6])
            info.file_size = entry.size  # above 2 GiB, it has the headers of ZIP64
            with file.open(info, "w") as member:
                for piece in entry.pieces:
                    member.write(piece)
                    yield sink.take()
            yield sink.take()
    yield sink.take()
