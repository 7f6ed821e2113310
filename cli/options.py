"""The arguments that ``easel stylize`` and ``easel submit`` share.

The options for parameters derive from :class:`core.params.StyleParams`, and the known file
extensions from :class:`core.params.PictureFormat`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import wraps
from pathlib import Path
from typing import Any

import click

from core.errors import FieldError, InvalidRequest
from core.params import PictureFormat, StyleParams
from core.params.presets import PRESETS

_Function = Callable[..., None]
_Decorator = Callable[[_Function], _Function]

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FILE_OR_FOLDER = click.Path(exists=True, path_type=Path)

#: The pictures of a job, by form field.
_PICTURES: dict[str, _Decorator] = {
    "content": click.argument("content", type=_FILE_OR_FOLDER),
    "style": click.argument("style", type=FILE, nargs=-1),
    "init_image": click.option(
        "--init-image", type=FILE, help="A picture that the optimiser starts from."
    ),
    "content_mask": click.option(
        "--content-mask", type=FILE, help="The regions of CONTENT: each colour is a label."
    ),
    "style_mask": click.option(
        "--style-mask",
        type=FILE,
        multiple=True,
        help="The regions of a STYLE. Repeat the option for each STYLE, in order.",
    ),
    "detail_map": click.option(
        "--detail-map",
        type=FILE,
        help="Where the detail of CONTENT is kept: white keeps it, black paints freely, and "
        "mid-grey (128) changes nothing.",
    ),
}

#: The same as the argument STYLE, for those who prefer a name.
_STYLES = click.option(
    "--style", "further_styles", type=FILE, multiple=True, help="A STYLE. Repeat it for several."
)

_EXTENSIONS = ", ".join(f".{suffix}" for suffix in PictureFormat.suffixes())

OUTPUT = click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help=f"The file to write. Its extension selects the format: {_EXTENSIONS}.",
)

_MAX_SECONDS = click.option(
    "--max-seconds",
    type=click.IntRange(min=1, max=999_999_999),
    help="The most seconds that the job may run. If it is at its final size by then, it ends with "
    "the picture so far; otherwise it fails.",
)

#: The parameters with an option of their own. The extension of the output selects the format.
_PARAMETERS = [name for name in StyleParams.model_fields if name != "format"]


@dataclass(frozen=True)
class JobArguments:
    """The job that a command line describes."""

    #: The picture files, by form field.
    files: dict[str, tuple[Path, ...]]
    #: The format, and the parameters that were given, as text.
    parameters: dict[str, str]
    output: Path
    #: How many seconds it may run; None without a limit.
    max_seconds: int | None

    @property
    def is_folder(self) -> bool:
        """Whether the content is a folder of pictures. The output is a folder then, too."""
        return self.files["content"][0].is_dir()


def takes_job(function: _Function) -> _Function:
    """Add the pictures, the parameters and the output of a job to a command.

    The command's function receives them as a :class:`JobArguments` in its first argument.

    Raises:
        InvalidRequest: when the command is called with an output that has an unknown extension
            or cannot be written.
    """

    @wraps(function)
    def run(
        output: Path, max_seconds: int | None, further_styles: tuple[Path, ...], **values: Any
    ) -> None:
        files = {field: paths_of(values.pop(field)) for field in _PICTURES}
        files["style"] += further_styles
        if not files["style"]:
            raise click.UsageError("Missing argument 'STYLE...'.")
        texts = {name: values.pop(name) for name in _PARAMETERS}
        parameters = {name: text for name, text in texts.items() if text}
        job = JobArguments(files, parameters, output, max_seconds)
        if not job.is_folder:
            parameters["format"] = format_of(output).value
            check_writable(output)
        function(job, **values)

    command: _Function = run
    options: list[_Decorator] = [*_PICTURES.values(), _STYLES, OUTPUT, _MAX_SECONDS]
    options += map(_parameter_option, _PARAMETERS)
    for option in reversed(options):
        command = option(command)
    return command


def _parameter_option(name: str) -> _Decorator:
    field = StyleParams.model_fields[name]
    default = field.default
    if isinstance(default, tuple):
        default = ",".join(default)
    if isinstance(default, bool):
        default = str(default).lower()
    if default in (None, ""):
        default = "empty"
    if any(name in preset for preset in PRESETS.values()):
        default = "by preset"
    flag = f"--{name.replace('_', '-')}"
    help_text = f"{field.description} [default: {default}]"
    return click.option(flag, name, help=help_text, metavar=_metavar(field.annotation))


def _metavar(kind: Any) -> str:
    """Return what ``--help`` shows as the value. The model checks values, with better messages."""
    if isinstance(kind, type) and issubclass(kind, Enum):
        return f"[{'|'.join(each.value for each in kind)}]"
    return {int: "INTEGER", float: "NUMBER"}.get(kind, "VALUE")


def paths_of(value: Path | tuple[Path, ...] | None) -> tuple[Path, ...]:
    """Return the files of an option that is given once, several times, or not at all."""
    if value is None:
        return ()
    return value if isinstance(value, tuple) else (value,)


def format_of(output: Path) -> PictureFormat:
    """Return the format that the extension of an output selects.

    Raises:
        InvalidRequest: the extension is unknown.
    """
    extension = output.suffix.lower().removeprefix(".")
    formats = PictureFormat.suffixes()
    if extension not in formats:
        message = f"{output.name!r} has an unknown extension; expected one of {_EXTENSIONS}"
        raise InvalidRequest([FieldError("output", message)])
    return formats[extension]


def check_writable(output: Path, field: str = "output") -> None:
    """Check that a file can be written, before the work.

    Raises:
        InvalidRequest: it cannot.
    """
    # Files are written beside their place first, so the folder counts too.
    folder = output.absolute().parent
    if output.is_dir():
        raise InvalidRequest([FieldError(field, f"{output} is a folder; expected a file")])
    if not os.access(folder, os.W_OK) or (output.exists() and not os.access(output, os.W_OK)):
        raise InvalidRequest([FieldError(field, f"{output} cannot be written")])
