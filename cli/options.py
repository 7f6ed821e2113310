"""What ``easel stylize`` and ``easel submit`` take alike: pictures, parameters, an output."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from core.errors import FieldError, InvalidRequest
from core.params import PictureFormat, StyleParams

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)

_OPTIONS = (
    click.argument("content", type=FILE),
    click.argument("style", type=FILE, nargs=-1, required=True),
    click.option(
        "-o",
        "--output",
        type=click.Path(dir_okay=False, path_type=Path),
        required=True,
        help="Where the result goes: a .png, .jpg, .webp or .tif file.",
    ),
    click.option("--init-image", type=FILE, help="A picture to start from."),
    click.option("--content-mask", type=FILE, help="Regions of CONTENT: every colour is a label."),
    click.option(
        "--style-mask",
        type=FILE,
        multiple=True,
        help="Regions of a STYLE; once for each, in order.",
    ),
)


def picture_options(function: Any) -> Any:
    """Give a command's function the pictures and the place for the result."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def parameter_options(command: click.Command) -> click.Command:
    """An option for every parameter but the format, which the file's name gives."""
    for name, field in StyleParams.model_fields.items():
        if name != "format":
            default = field.default
            if isinstance(default, tuple):
                default = ",".join(default) or "equal"
            help_text = f"{field.description} [default: {default}]"
            flag = f"--{name.replace('_', '-')}"
            command.params.append(click.Option([flag, name], help=help_text, metavar="VALUE"))
    return command


def format_of(output: Path) -> str:
    """The format that a file's name asks for.

    Raises:
        InvalidRequest: its ending is none that is known.
    """
    extension = output.suffix.lower().removeprefix(".")
    known = PictureFormat.suffixes()
    if extension not in known:
        endings = ", ".join(f".{each}" for each in known)
        raise InvalidRequest(
            [FieldError("output", f"{output.name!r} has no known ending; use one of {endings}")]
        )
    return known[extension].value


def check_writable(output: Path) -> None:
    """See that the result can be written; better now than after the work.

    Raises:
        InvalidRequest: it cannot.
    """
    target = output if output.exists() else output.parent
    if not os.access(target, os.W_OK):
        raise InvalidRequest([FieldError("output", f"{output} cannot be written")])
