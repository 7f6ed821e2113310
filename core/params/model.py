"""The parameters of a job, as one immutable Pydantic model.

The form fields of ``POST /jobs``, the options of ``easel stylize`` and the
arguments of ``core.nst.stylize`` are all derived from :class:`StyleParams`, so they
have the same names, defaults, bounds and error messages.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.config import JsonDict

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
    StyleStatistics,
)
from core.params.presets import PRESETS, STYLE_LAYERS
from core.params.sizes import MIN_SIZE, fit

_BALANCED = PRESETS[Preset.BALANCED]
_WITH_QUALITY = " and ".join(each.name for each in PictureFormat if each.has_quality)


def _split(value: object) -> object:
    """Split a comma-separated list; leave other values to Pydantic."""
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


StyleWeight = Annotated[float, Field(ge=0, le=1e9)] | None
Layers = Annotated[tuple[Layer, ...], BeforeValidator(_split), Field(min_length=1)]
Weights = Annotated[tuple[Annotated[float, Field(ge=0, le=1e6)], ...], BeforeValidator(_split)]


#: Marks a parameter that may change while a job runs; see ``core.params.edits``.
_TUNABLE = "x-tunable"
_tunable: JsonDict = {_TUNABLE: True}


class StyleParams(BaseModel):
    """The parameters of a job. ``core.nst.losses`` and ``core.nst.style`` define the losses."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    preset: Preset = Field(
        Preset.BALANCED,
        description="Named set of parameters; explicit parameters override it.",
    )
    strength: float = Field(
        0.5,
        ge=0,
        le=1,
        json_schema_extra=_tunable,
        description="How much of the painting's style the result has: 0 keeps the photograph, 1 "
        "repaints it. Sets style_weight for each pair of pictures; no effect if that is given.",
    )
    size: int = Field(
        512, ge=MIN_SIZE, le=16384, description="Longer side of the result, in pixels."
    )
    steps: int = Field(
        _BALANCED["steps"],
        ge=1,
        le=5000,
        json_schema_extra=_tunable,
        description="Optimiser steps at sizes up to 1024; at most 20 on coarse scales. After a "
        "smaller scale, a scale beyond 1024 takes fewer, such as half as many at 2048.",
    )
    content_weight: float = Field(
        1.0,
        ge=0,
        le=1e6,
        json_schema_extra=_tunable,
        description="Weight of the content loss (alpha), which preserves the photograph.",
    )
    style_weight: StyleWeight = Field(
        None,
        json_schema_extra=_tunable,
        description="Weight of the style loss (beta), which transfers the painting's style. By "
        "default, strength or the preset sets it.",
    )
    tv_weight: float = Field(
        _BALANCED["tv_weight"],
        ge=0,
        le=1e6,
        json_schema_extra=_tunable,
        description="Weight of the total variation loss (gamma), which smooths noise.",
    )
    style_blend: Weights = Field(
        (),
        json_schema_extra=_tunable,
        description="Comma-separated weights, one per style picture. Empty: equal weights.",
    )
    style_scale: float = Field(
        1.0,
        ge=0.1,
        le=4,
        json_schema_extra=_tunable,
        description="Size of the style pictures, relative to the result.",
    )
    content_layers: Layers = Field(
        ("conv4_2",), description="Comma-separated layers of the content loss."
    )
    style_layers: Layers = Field(
        tuple(STYLE_LAYERS),
        description="Comma-separated layers of the style loss.",
    )
    style_statistics: StyleStatistics = Field(
        StyleStatistics.COVARIANCE,
        json_schema_extra=_tunable,
        description="What the style loss compares at each layer. With a style_weight the default "
        "is gram, as in the paper.",
    )
    style_layer_weights: Weights = Field(
        (),
        json_schema_extra=_tunable,
        description="Comma-separated weights, one per style layer. Empty: those of the "
        "recipe with strength and its own layers, otherwise equal weights.",
    )
    optimizer: Optimizer = Field(
        Optimizer(_BALANCED["optimizer"]), description="Algorithm that updates the pixels."
    )
    learning_rate: float = Field(
        Optimizer(_BALANCED["optimizer"]).learning_rate,
        gt=0,
        le=10,
        description="Step size of the optimiser; for Adam, in units of pixel values from 0 to 1.",
    )
    init: Init = Field(Init.CONTENT, description="Image that the optimiser starts from.")
    pyramid: str = Field(
        _BALANCED["pyramid"],
        pattern=r"^(off|\d+:\d+(\.\d+)?)$",
        description="Coarse-to-fine scales: the longer side of the smallest scale in pixels, and "
        "the ratio between scales, such as 64:2. With off, there is one scale.",
    )
    pooling: Pooling = Field(Pooling.MAX, description="Kind of pooling layers in the network.")
    padding: Padding = Field(Padding.ZERO, description="Padding of the convolutions at the border.")
    network: Network = Field(Network.NORMALIZED, description="VGG-19 that computes the features.")
    color: Color = Field(Color.STYLE, description="Where the colours of the result come from.")
    seed: int = Field(0, ge=0, lt=2**63, description="Seed of the noise when init is noise.")
    precision: Precision = Field(
        Precision.AUTO,
        description="Number format of the network. A CPU without bfloat16 units uses `float32` "
        "instead of `bfloat16`.",
    )
    format: PictureFormat = Field(
        PictureFormat.PNG, json_schema_extra=_tunable, description="File format of the result."
    )
    quality: int = Field(
        92,
        ge=1,
        le=100,
        json_schema_extra=_tunable,
        description=f"Quality of {_WITH_QUALITY} results; WEBP with 100 is lossless.",
    )
    metadata: bool = Field(
        True,
        json_schema_extra=_tunable,
        description="Whether the result says in its metadata how it was made.",
    )

    @model_validator(mode="before")
    @classmethod
    def _resolve(cls, fields: Any) -> Any:
        """Fill in the defaults of the preset and of the optimiser."""
        if not isinstance(fields, Mapping):
            return fields
        preset = fields.get("preset", Preset.BALANCED)
        known = preset in list(Preset)
        defaults = dict(PRESETS[Preset(preset)]) if known else {}
        if "strength" in fields:  # it takes the place of the preset's weight
            defaults.pop("style_weight", None)
        resolved = {**defaults, **fields}
        # A number belongs to the paper's loss.
        if resolved.get("style_weight") is not None:
            resolved.setdefault("style_statistics", StyleStatistics.GRAM)
        optimizer = resolved.get("optimizer")
        if optimizer in list(Optimizer):
            resolved.setdefault("learning_rate", Optimizer(optimizer).learning_rate)
        return resolved

    @field_validator("pyramid")
    @classmethod
    def _check_pyramid(cls, pyramid: str) -> str:
        if pyramid != "off":
            smallest, ratio = pyramid.split(":")
            if not (int(smallest) >= 32 and 1.2 <= float(ratio) <= 8):
                raise ValueError(
                    "expected a smallest scale of at least 32, and a ratio from 1.2 to 8"
                )
        return pyramid

    @field_validator("content_layers", "style_layers")
    @classmethod
    def _check_layers(cls, layers: tuple[Layer, ...]) -> tuple[Layer, ...]:
        if len(set(layers)) != len(layers):
            raise ValueError("a layer occurs twice; expected distinct layers")
        return layers

    @field_validator("format")
    @classmethod
    def _check_format(cls, chosen: PictureFormat, info: ValidationInfo) -> PictureFormat:
        size = info.data.get("size", 0)
        if size > chosen.max_side:
            others = [each.value for each in PictureFormat if each.max_side >= size]
            raise ValueError(
                f"expected a format that holds a size of {size}; {chosen.value} has at most "
                f"{chosen.max_side} pixels on a side; use {', '.join(others)}, or a smaller size"
            )
        return chosen

    @field_validator("style_layer_weights")
    @classmethod
    def _check_weights(cls, weights: tuple[float, ...], info: ValidationInfo) -> tuple[float, ...]:
        layers = info.data.get("style_layers", weights)
        if weights and len(weights) != len(layers):
            raise ValueError(f"expected {len(layers)} weights, one per style layer")
        if weights and not sum(weights):
            raise ValueError("the weights sum to 0; expected at least one above 0")
        return weights

    def layer_weights(self) -> dict[Layer, float]:
        """Return w_l for each style layer, as given or equal. They sum to 1."""
        weights = self.style_layer_weights or (1.0,) * len(self.style_layers)
        total = sum(weights)
        return {
            layer: weight / total for layer, weight in zip(self.style_layers, weights, strict=True)
        }

    def blend_weights(self, styles: int) -> tuple[float, ...]:
        """Return one weight for each style picture. They sum to 1.

        Args:
            styles: the number of style pictures.

        Raises:
            InvalidRequest: ``style_blend`` has a different number of weights, or they sum to 0.
        """
        weights = self.style_blend or (1.0,) * styles
        if len(weights) != styles or not sum(weights):
            wrong = f"{len(weights)} weights with the sum {sum(weights):g}"
            expected = f"one for each of the {styles} style pictures, and a sum above 0"
            raise InvalidRequest([FieldError("style_blend", f"has {wrong}; expected {expected}")])
        return tuple(weight / sum(weights) for weight in weights)

    def at_size(self, size: int) -> StyleParams:
        """Return the same parameters for another size, such as a smaller scale."""
        return self.model_copy(update={"size": size})

    def scaled_size(self, size: tuple[int, int], field: str) -> tuple[int, int]:
        """Return width and height, scaled so that the longer side is ``self.size``.

        Args:
            size: width and height of the original picture, in pixels.
            field: the form field of the picture, for the error.

        Raises:
            InvalidRequest: the shorter side would be below ``MIN_SIDE``.
        """
        return fit(size, self.size, field)

    def style_size(self, size: tuple[int, int], field: str = "style") -> tuple[int, int]:
        """Do the same for a style picture: its longer side is ``style_scale`` times as long."""
        return fit(size, max(1, round(self.size * self.style_scale)), field)


#: The parameters that may change while a job runs.
TUNABLE = tuple(
    name
    for name, schema in StyleParams.model_json_schema()["properties"].items()
    if schema.get(_TUNABLE)
)
