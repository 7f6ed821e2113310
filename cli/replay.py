"""``easel inspect`` and ``easel replay``: how a result was made, and the same result again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from cli.files import write_atomically
from cli.options import FILE, OUTPUT, check_writable, format_of, paths_of
from cli.painting.stylize import paint
from cli.weights import fetch_with_progress
from core.errors import FieldError, InvalidPicture, InvalidRequest
from core.params import PictureFormat
from core.params.edits import edited
from core.pictures.provenance.record import Digests, Provenance
from core.pictures.provenance.xmp import read_record
from core.pictures.uploads import FILE_FIELDS, Upload, Uploads
from core.runtime.malloc import keep_freed_memory
from core.settings.model import Settings
from easel.painting import Painting

_Value = TypeVar("_Value")


@click.command()
@click.argument("result", type=FILE)
def inspect(result: Path) -> None:
    """Print how the picture RESULT was made, as JSON."""
    record = _read(result, lambda: read_record(result.read_bytes()))
    click.echo(json.dumps(json.loads(record), indent=2))


def _takes_pictures(command: Callable[..., None]) -> Callable[..., None]:
    """Add an option for each form field that is a file."""
    for field, (fewest, most) in reversed(FILE_FIELDS.items()):
        repeated = " Repeat the option for each, in the same order." if most > 1 else ""
        option = click.option(
            f"--{field.replace('_', '-')}",
            field,
            type=FILE,
            multiple=most > 1,
            required=fewest > 0,
            help=f"The {field} of the job.{repeated}",
        )
        command = option(command)
    return command


@click.command()
@click.argument("result", type=FILE)
@_takes_pictures
@OUTPUT
def replay(result: Path, output: Path, **files: Any) -> None:
    """Make the picture RESULT again, from the same files.

    On a machine of the same kind, with the same versions, the output has the same bytes.
    Otherwise a warning says what differs.
    """
    original = result.read_bytes()
    made = _read(result, lambda: Provenance.parse(read_record(original)))
    given = {
        field: [Upload(str(path), path.read_bytes()) for path in paths_of(each)]
        for field, each in files.items()
    }
    contents = {field: [upload.data for upload in some] for field, some in given.items()}
    made.inputs.check(Digests.of_files(contents))
    _check_output(output, edited(made.params, made.edits).format)
    uploads = Uploads.of(given)
    settings = Settings()
    keep_freed_memory()
    fetch_with_progress(made.params.network, settings.weights_dir)
    painting = Painting(uploads, made.params, settings, edits=made.edits, machine=made.machine)
    for warning in painting.warnings:
        click.echo(f"Warning: {warning}", err=True)
    data = painting.encode(paint(painting))
    write_atomically(output, data)
    if data != original:
        click.echo(f"Warning: {output} has other bytes than {result}", err=True)
    click.echo(output)


def _read(path: Path, read: Callable[[], _Value]) -> _Value:
    """Read a file; an error gets its name."""
    try:
        return read()
    except InvalidPicture as error:
        raise InvalidPicture(error.message, str(path)) from None


def _check_output(output: Path, expected: PictureFormat) -> None:
    chosen = format_of(output)
    if chosen is not expected:
        message = f"{output.name!r} is a {chosen.value}, and the result is a {expected.value}"
        raise InvalidRequest([FieldError("output", f"{message}; change the extension")])
    check_writable(output)
