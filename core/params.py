"""Every knob of a job: one frozen model.

The form fields of ``POST /jobs``, the options of ``easel stylize`` and the
arguments of ``core.nst.stylize`` all derive from :class:`StyleParams`, so names,
defaults, bounds and error messages cannot differ between them.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from core.errors import FieldError, InvalidRequest

#: The shortest side of a picture: below it, conv5_1 sees less than one pixel.
MIN_SIDE = 16


#: The least `size` that can be asked for.
MIN_SIZE = 64


class Network(StrEnum):
    """Which VGG-19 looks at the pictures."""

    NORMALIZED = "vgg19-normalized"
    TORCHVISION = "vgg19-torchvision"

    @property
    def filename(self) -> str:
        """The name of its weights in the cache."""
        return f"{self.value}.safetensors"


class PictureFormat(StrEnum):
    """The file format of the result."""

    PNG = "png"
    JPEG = "jpeg"
    WEBP = "webp"


class StyleParams(BaseModel):
    """What a job asks for. Losses are defined in ``core.nst.losses``."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    size: int = Field(
        512, ge=MIN_SIZE, le=8192, description="Longer side of the result, in pixels."
    )
    steps: int = Field(300, ge=1, le=5000, description="Optimiser steps.")
    content_weight: float = Field(
        1.0, ge=0, le=1e6, description="alpha: how strongly the photograph is kept."
    )
    style_weight: float = Field(
        1000.0, ge=0, le=1e9, description="beta: how strongly the painting's style is taken."
    )
    learning_rate: float = Field(
        0.02, gt=0, le=1, description="Adam's step, in units of the range black 0 to white 1."
    )
    network: Network = Field(Network.NORMALIZED, description="Which VGG-19 looks at the pictures.")
    format: PictureFormat = Field(PictureFormat.PNG, description="File format of the result.")
    quality: int = Field(92, ge=1, le=100, description="Quality of a JPEG or WebP result.")

    def scaled_size(self, size: tuple[int, int], field: str) -> tuple[int, int]:
        """Width and height with the longer side at ``self.size``, proportions kept.

        Args:
            size: width and height of the picture as it came.
            field: what to call the picture in the error.

        Raises:
            InvalidRequest: the shorter side would be below ``MIN_SIDE``.
        """
        longer = max(size)
        width, height = (max(1, round(side * self.size / longer)) for side in size)
        if min(width, height) < MIN_SIDE:
            needed = -(-MIN_SIDE * longer // min(size))
            raise InvalidRequest(
                [
                    FieldError(
                        field,
                        f"would be {width}x{height} pixels at size {self.size}, and each side "
                        f"needs {MIN_SIDE}; crop the picture, or ask for a size of {needed}",
                    )
                ]
            )
        return width, height


def parse_params(fields: Mapping[str, object]) -> StyleParams:
    """Read parameters from text fields, as a form or a command line gives them.

    Raises:
        InvalidRequest: naming every field that is unknown, or whose value does
            not fit, with the value and what was expected.
    """
    try:
        return StyleParams.model_validate(dict(fields))
    except ValidationError as error:
        raise InvalidRequest([_field_error(detail) for detail in error.errors()]) from None


def _field_error(detail: ErrorDetails) -> FieldError:
    name = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        known = ", ".join(StyleParams.model_fields)
        return FieldError(name, f"is not a parameter; the parameters are {known}")
    expectation = detail["msg"][0].lower() + detail["msg"][1:]
    return FieldError(name, f"{detail['input']!r} does not fit: {expectation}")
