"""Records of measured pictures: JSON lines in a folder, with the pictures beside them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from bench.look.pairs import Pair


class Key(NamedTuple):
    """What a record is of. A folder has one record of each."""

    content: str
    style: str
    recipe: str
    size: int


@dataclass(frozen=True)
class Record:
    """One picture and its measures."""

    #: File names of the photograph and the painting.
    content: str
    style: str
    #: What made the picture.
    recipe: str
    #: The longer side of the picture, in pixels.
    size: int
    #: The time to make it; None if somebody else made it.
    seconds: float | None
    #: The file name of the picture.
    picture: str
    #: By the names of :class:`bench.look.measures.Measures`.
    measures: dict[str, float]

    @property
    def key(self) -> Key:
        """What this is the record of."""
        return Key(self.content, self.style, self.recipe, self.size)

    @property
    def pair(self) -> str:
        """For tables and captions, such as ``tubingen x wave``."""
        return f"{Path(self.content).stem} x {Path(self.style).stem}"


def read_records(file: Path) -> list[Record]:
    """Return the records of a file, without those that a later record of the same replaces."""
    lines = file.read_text().splitlines() if file.exists() else []
    records = (Record(**json.loads(line)) for line in lines)
    return list({record.key: record for record in records}.values())


def write_records(records: Iterable[Record], file: Path) -> None:
    """Write a file of records."""
    file.write_text("".join(_line(record) for record in records))


class Folder:
    """A folder of records and pictures. Several processes may add to it at the same time.

    Args:
        path: the folder, which is made if it does not exist.
    """

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._file = path / "records.jsonl"

    def records(self) -> list[Record]:
        """Return all records."""
        return read_records(self._file)

    def find(self, pair: Pair, recipe: str, size: int) -> Record | None:
        """Return the record of a picture, or None."""
        key = Key(pair.content.name, pair.style.name, recipe, size)
        return next((record for record in self.records() if record.key == key), None)

    def add(
        self,
        pair: Pair,
        recipe: str,
        size: int,
        seconds: float | None,
        picture: Image.Image,
        measures: dict[str, float],
    ) -> Record:
        """Save a picture and its record. The arguments are those of :class:`Record`."""
        key = Key(pair.content.name, pair.style.name, recipe, size)
        record = Record(*key, seconds, f"{_name(key)}.png", measures)
        picture.save(self.path / record.picture)
        with self._file.open("a") as file:
            file.write(_line(record))  # one write, which other processes do not interrupt
        return record

    def picture(self, record: Record) -> Image.Image:
        """Return the picture of a record."""
        return Image.open(self.path / record.picture).convert("RGB")


def _line(record: Record) -> str:
    return json.dumps(asdict(record)) + "\n"


def _name(key: Key) -> str:
    """Return a name that is readable and different for every key."""
    readable = "-".join((Path(key.content).stem, Path(key.style).stem, key.recipe))
    digest = hashlib.sha256("\n".join(map(str, key)).encode()).hexdigest()[:8]
    return f"{re.sub(r'[^a-z0-9_-]+', '_', readable.lower())[:80]}-{key.size}-{digest}"
