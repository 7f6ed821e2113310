"""Every knob of a job: one frozen model.

The form fields of ``POST /jobs``, the options of ``easel stylize`` and the
arguments of ``core.nst.stylize`` all derive from :class:`StyleParams`, so names,
defaults, bounds and error messages cannot differ between them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from core.errors import FieldError, InvalidRequest
from core.params.choices import (
    Color,
    Init,
    Layer,
    Network,
    Optimizer,
    Padding,
    PictureFormat,
    Pooling,
    Precision,
    Preset,
)
from core.params.presets import LEARNING_RATES, PRESETS
from core.params.sizes import MIN_SIZE, fit
from core.params.validation import misfit

_BALANCED = PRESETS[Preset.BALANCED]


def _split(value: object) -> object:
    """A list as a form or a command line writes it: with commas."""
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


Layers = Annotated[tuple[Layer, ...], BeforeValidator(_split), Field(min_length=1)]
Weights = Annotated[tuple[Annotated[float, Field(ge=0, le=1e6)], ...], BeforeValidator(_split)]


class StyleParams(BaseModel):
    """What a job asks for. Losses are defined in ``core.nst.losses``."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    preset: Preset = Field(
        Preset.BALANCED, description="A named set of the other parameters; one given wins."
    )
    size: int = Field(
        512, ge=MIN_SIZE, le=8192, description="Longer side of the result, in pixels."
    )
    steps: int = Field(
        _BALANCED["steps"], ge=1, le=5000, description="Optimiser steps; up to 40 at small scales."
    )
    content_weight: float = Field(
        1.0, ge=0, le=1e6, description="alpha: how strongly the photograph is kept."
    )
    style_weight: float = Field(
        _BALANCED["style_weight"],
        ge=0,
        le=1e9,
        description="beta: how strongly the painting's style is taken.",
    )
    tv_weight: float = Field(
        _BALANCED["tv_weight"], ge=0, le=1e6, description="gamma: how strongly noise is smoothed."
    )
    style_blend: Weights = Field(
        (), description="One weight per style picture, with commas; none means equal."
    )
    style_scale: float = Field(
        1.0, ge=0.1, le=4, description="Size of the style picture relative to the result."
    )
    content_layers: Layers = Field(
        ("conv4_2",), description="The layers that the content is compared at."
    )
    style_layers: Layers = Field(
        ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1"),
        description="The layers that the style is compared at.",
    )
    style_layer_weights: Weights = Field(
        (), description="One weight per style layer, with commas; none means equal."
    )
    optimizer: Optimizer = Field(
        Optimizer(_BALANCED["optimizer"]), description="How the pixels change."
    )
    learning_rate: float = Field(
        LEARNING_RATES[Optimizer(_BALANCED["optimizer"])],
        gt=0,
        le=10,
        description="The optimiser's step; for Adam in the range black 0 to white 1.",
    )
    init: Init = Field(Init.CONTENT, description="What the optimiser starts from.")
    pyramid: str = Field(
        _BALANCED["pyramid"],
        pattern=r"^(off|\d+:\d+(\.\d+)?)$",
        description="Coarse to fine: the smallest scale's longer side and the ratio between "
        "scales, such as 64:2; or off.",
    )
    pooling: Pooling = Field(Pooling.MAX, description="How the network's layers are pooled.")
    padding: Padding = Field(
        Padding.ZERO, description="What the network sees beyond the picture's border."
    )
    network: Network = Field(Network.NORMALIZED, description="Which VGG-19 looks at the pictures.")
    color: Color = Field(Color.STYLE, description="Whose colours the result has.")
    seed: int = Field(0, ge=0, lt=2**63, description="Chooses the noise of init=noise.")
    precision: Precision = Field(Precision.AUTO, description="What the network computes in.")
    format: PictureFormat = Field(PictureFormat.PNG, description="File format of the result.")
    quality: int = Field(
        92, ge=1, le=100, description="Of a JPEG or WebP result; a WebP of 100 is lossless."
    )

    @model_validator(mode="before")
    @classmethod
    def _resolve(cls, given: Any) -> Any:
        """Fill in what the preset and the optimiser say about fields that are not given."""
        if not isinstance(given, Mapping):
            return given
        preset = given.get("preset", Preset.BALANCED)
        known = preset in list(Preset)
        resolved = {**(PRESETS[Preset(preset)] if known else {}), **given}
        optimizer = resolved.get("optimizer")
        if optimizer in list(Optimizer):
            resolved.setdefault("learning_rate", LEARNING_RATES[Optimizer(optimizer)])
        return resolved

    @field_validator("pyramid")
    @classmethod
    def _check_pyramid(cls, pyramid: str) -> str:
        if pyramid != "off":
            smallest, ratio = pyramid.split(":")
            if not (int(smallest) >= 32 and 1.2 <= float(ratio) <= 8):
                raise ValueError("expected a smallest scale of 32 or more, and a ratio of 1.2 to 8")
        return pyramid

    @field_validator("content_layers", "style_layers")
    @classmethod
    def _check_layers(cls, layers: tuple[Layer, ...]) -> tuple[Layer, ...]:
        if len(set(layers)) != len(layers):
            raise ValueError("a layer is named twice")
        return layers

    @field_validator("style_layer_weights")
    @classmethod
    def _check_weights(cls, weights: tuple[float, ...], info: ValidationInfo) -> tuple[float, ...]:
        layers = info.data.get("style_layers", weights)
        if weights and len(weights) != len(layers):
            raise ValueError(f"expected {len(layers)} weights, one per style layer")
        if weights and not sum(weights):
            raise ValueError("the weights add up to 0")
        return weights

    def layer_weights(self) -> dict[Layer, float]:
        """w_l by style layer, adding up to 1."""
        weights = self.style_layer_weights or (1.0,) * len(self.style_layers)
        total = sum(weights)
        return {
            layer: weight / total for layer, weight in zip(self.style_layers, weights, strict=True)
        }

    def blend_weights(self, styles: int) -> tuple[float, ...]:
        """One weight per style picture, adding up to 1.

        Raises:
            InvalidRequest: ``style_blend`` has another number of weights.
        """
        weights = self.style_blend or (1.0,) * styles
        if len(weights) != styles or not sum(weights):
            wrong = f"{len(weights)} weights that add up to {sum(weights):g}"
            expected = f"one for each of the {styles} style pictures, above 0 in all"
            raise InvalidRequest([FieldError("style_blend", f"has {wrong}; expected {expected}")])
        return tuple(weight / sum(weights) for weight in weights)

    def at_size(self, size: int) -> StyleParams:
        """The same for another size of the result, such as a smaller scale."""
        return self.model_copy(update={"size": size})

    def scaled_size(self, size: tuple[int, int], field: str) -> tuple[int, int]:
        """Width and height with the longer side at ``self.size``, proportions kept.

        Args:
            size: width and height of the picture as it came.
            field: what to call the picture in the error.

        Raises:
            InvalidRequest: the shorter side would be below ``MIN_SIDE``.
        """
        return fit(size, self.size, field)

    def style_size(self, size: tuple[int, int], field: str = "style") -> tuple[int, int]:
        """Likewise for a style picture, whose longer side is ``style_scale`` times that."""
        return fit(size, max(1, round(self.size * self.style_scale)), field)


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
    name = str(detail["loc"][0])
    if detail["type"] == "extra_forbidden":
        known = ", ".join(StyleParams.model_fields)
        return FieldError(name, f"is not a parameter; the parameters are {known}")
    return FieldError(name, misfit(detail))
