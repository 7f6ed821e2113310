"""The record of how a result was made, from which it can be made again.

It has no time, no name of a file, and nothing of the metadata of the inputs, so that the same
request gives the same bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from importlib.metadata import version

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.errors import FieldError, InvalidPicture, InvalidRequest
from core.jobs.job import Inputs
from core.params import StyleParams
from core.params.edits import Edits
from core.params.validation import validation_message


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Digests(_Frozen):
    """The SHA-256 of each input file, in hexadecimal."""

    content: str
    style: tuple[str, ...]
    init_image: str | None = None
    content_mask: str | None = None
    style_mask: tuple[str, ...] = ()
    detail_map: str | None = None

    @classmethod
    def of(cls, inputs: Inputs) -> Digests:
        """Return the digests of the inputs of a job."""
        return cls(
            content=inputs.content.sha256,
            style=tuple(each.sha256 for each in inputs.styles),
            init_image=inputs.init_image and inputs.init_image.sha256,
            content_mask=inputs.content_mask and inputs.content_mask.sha256,
            style_mask=tuple(each.sha256 for each in inputs.style_masks),
            detail_map=inputs.detail_map and inputs.detail_map.sha256,
        )

    @classmethod
    def of_files(cls, files: Mapping[str, Sequence[bytes]]) -> Digests:
        """Return the digests of files by form field, which need not be readable pictures."""
        digests = {
            field: tuple(hashlib.sha256(each).hexdigest() for each in given)
            for field, given in files.items()
        }
        single = ("content", "init_image", "content_mask", "detail_map")
        values = {
            field: next(iter(each), None) if field in single else each
            for field, each in digests.items()
        }
        return cls.model_validate(values)

    def check(self, given: Digests) -> None:
        """Check that other files are these.

        Args:
            given: the digests of the other files.

        Raises:
            InvalidRequest: a file is missing, additional or another one. It names all of them.
        """
        errors = []
        for field in type(self).model_fields:
            wanted, found = _listed(getattr(self, field)), _listed(getattr(given, field))
            if len(wanted) != len(found):
                files = f"{len(wanted)} file{'s' * (len(wanted) != 1)}"
                message = f"the result was made from {files}, and {len(found)} were given"
                errors.append(FieldError(field, message))
            errors += [
                FieldError(
                    field,
                    f"file {number} has the SHA-256 {other}, and the result was made from "
                    f"{digest}; give the same file, byte for byte",
                )
                for number, (digest, other) in enumerate(zip(wanted, found, strict=False), 1)
                if digest != other
            ]
        if errors:
            raise InvalidRequest(errors)


class Machine(_Frozen):
    """What the bytes of a result depend on, beside the request."""

    #: The version of Easel, and that of PyTorch.
    easel: str
    torch: str
    #: The SHA-256 of the weights; see ``core.nst.weights.files.digest``.
    network: str
    #: The name of the GPU, or the instructions of the processor, such as ``x86_64 AVX512``.
    device: str
    #: What the network computed in, such as ``bfloat16``, or ``float32 and int8``.
    precision: str
    #: The number of threads; None on a GPU.
    threads: int | None = Field(ge=1, le=1024)
    #: The memory that decided the strips of a large picture, in bytes; None if it had none.
    memory: int | None

    def differences(self, other: Machine) -> list[str]:
        """Return a phrase for everything in which two machines differ."""
        return [
            f"{field} was {getattr(self, field)}, and is {getattr(other, field)}"
            for field in type(self).model_fields
            if getattr(self, field) != getattr(other, field)
        ]


class Provenance(_Frozen):
    """How a result was made: the request, and what computed it."""

    #: The parameters at the start of the run, and the changes after that.
    params: StyleParams
    edits: Edits = ()
    inputs: Digests
    machine: Machine

    @classmethod
    def parse(cls, text: str) -> Provenance:
        """Return the record that a file carries.

        Args:
            text: JSON, as ``model_dump_json`` returns it.

        Raises:
            InvalidPicture: the record is damaged, or another version of Easel has written it.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            detail = error.errors()[0]
            place = ".".join(map(str, detail["loc"]))
            raise InvalidPicture(
                f"has a record that Easel {easel_version()} cannot read: {place}: "
                f"{validation_message(detail)}; `easel inspect` shows the version that wrote it"
            ) from None


def easel_version() -> str:
    """Return the version of Easel."""
    return version("easel")


def _listed(digests: str | tuple[str, ...] | None) -> tuple[str, ...]:
    if digests is None:
        return ()
    return digests if isinstance(digests, tuple) else (digests,)
