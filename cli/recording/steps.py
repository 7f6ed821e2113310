"""What ``easel stylize`` keeps of a run besides its result: pictures, a film, losses, its state."""

from __future__ import annotations

import csv
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from cli.files import write_atomically
from core.errors import FieldError, InvalidRequest
from core.jobs.losses import CSV_HEADER
from core.pictures.film import FilmFormat, check_encoder, write_film

if TYPE_CHECKING:
    from core.nst import Step

#: Receives every step of a run.
Recorder = Callable[["Step"], None]

#: How often the state of a run is saved.
_SAVE_SECONDS = 10.0


def film_format(film: Path) -> FilmFormat:
    """Return the format of a film, by its extension. Checks that it can be written.

    Raises:
        InvalidRequest: the extension is unknown.
        PackageMissing: the encoder is not installed.
    """
    extension = film.suffix.lower().removeprefix(".")
    if extension not in list(FilmFormat):
        known = ", ".join(f".{each}" for each in FilmFormat)
        message = f"{film.name!r} has an unknown extension; expected one of {known}"
        raise InvalidRequest([FieldError("film", message)])
    check_encoder(FilmFormat(extension))
    return FilmFormat(extension)


@contextmanager
def frames_in(folder: Path, resumed: bool, film: Path | None) -> Iterator[Recorder]:
    """Write the picture after every step into a folder and, at the end, a film of them.

    Args:
        folder: is created if missing.
        resumed: whether the run goes on from a saved one, whose pictures the film has too.
        film: the film; None for none.
    """
    folder.mkdir(parents=True, exist_ok=True)
    frames: list[Path] = []

    def record(step: Step) -> None:
        frame = folder / f"{step.step:05}.png"
        if resumed and not frames:
            frames.extend(each for each in sorted(folder.glob("?????.png")) if each < frame)
        step.picture().save(frame, compress_level=1)
        frames.append(frame)

    yield record
    if film is not None:
        write_film(film, film_format(film), [partial(Image.open, each) for each in frames])


@contextmanager
def film_at(film: Path) -> Iterator[Recorder]:
    """Write a film of the steps at the end, without keeping their pictures."""
    with (
        tempfile.TemporaryDirectory(prefix="easel-") as folder,
        frames_in(Path(folder), resumed=False, film=film) as record,
    ):
        yield record


@contextmanager
def losses_in(path: Path, resumed: bool) -> Iterator[Recorder]:
    """Write the losses of every step into a CSV file, as ``GET /jobs/{id}/losses`` has them.

    Args:
        path: the file. It is replaced.
        resumed: whether the run goes on from a saved one, whose lines are kept.
    """
    mode = "r+" if resumed and path.exists() else "w+"
    # Earlier lines stay in the file until the first step says which of them are kept.
    with path.open(mode, newline="", buffering=1) as file:
        table = csv.writer(file, lineterminator="\n")
        first = True

        def record(step: Step) -> None:
            nonlocal first
            if first:
                earlier = file.read().splitlines()[1:]
                kept = [line for line in earlier if int(line.split(",")[0]) < step.step]
                file.seek(0)
                file.truncate()
                file.writelines(f"{line}\n" for line in (CSV_HEADER, *kept))
                first = False
            place = (step.step, round(step.fraction, 6), step.scale, step.width, step.height)
            table.writerow([*place, *(f"{float(term):.8g}" for term in step.loss)])

        yield record


@contextmanager
def saved_in(path: Path) -> Iterator[Recorder]:
    """Save the state of a run every ten seconds, and remove the file once it is complete."""
    saved = time.monotonic()

    def record(step: Step) -> None:
        nonlocal saved
        if time.monotonic() - saved >= _SAVE_SECONDS:
            write_atomically(path, *step.checkpoint_pieces())
            saved = time.monotonic()

    yield record
    path.unlink(missing_ok=True)
