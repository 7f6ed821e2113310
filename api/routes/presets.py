"""The presets, the limits of the server, and every parameter with its bounds."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from api.answers.error_docs import error_responses
from api.callers.authentication import count_visitor
from api.deps import ServicesDep
from core.params import StyleParams
from core.params.choices import PictureFormat, Preset
from core.params.presets import DESCRIPTIONS
from core.params.sizes import MIN_SIZE
from core.pictures.formats.table import INPUT_FORMATS
from core.pictures.uploads import MAX_STYLES

router = APIRouter(tags=["about"], dependencies=[Depends(count_visitor)])


class PresetView(BaseModel):
    """A named set of parameters."""

    name: Preset
    description: str
    params: StyleParams = Field(description="The parameters of a job that sets only the preset.")


class LimitsView(BaseModel):
    """The limits of this server."""

    min_size: int
    max_size: int = Field(
        description="The largest size at which any picture is accepted. Without a setting it "
        "follows from the memory of the workers, and a picture that is not square may be larger."
    )
    max_styles: int
    max_picture_bytes: int
    max_picture_pixels: int
    picture_formats: list[str] = Field(description="The media types that uploads may have.")
    result_formats: list[PictureFormat]


class Offer(BaseModel):
    """The presets, limits and parameters of this server."""

    default: Preset
    presets: list[PresetView]
    limits: LimitsView
    parameters: dict[str, Any] = Field(
        description="The JSON Schema of every parameter, by name: its type, bounds, choices, "
        "default and description."
    )


@router.get(
    "/presets",
    operation_id="list_presets",
    summary="Read the presets, limits and parameters",
    responses=error_responses(503, public=True),
)
def list_presets(services: ServicesDep) -> Offer:
    """Return the presets, the limits, and every parameter with its bounds."""
    settings = services.settings
    return Offer(
        default=StyleParams().preset,
        presets=[
            PresetView(
                name=preset, description=DESCRIPTIONS[preset], params=StyleParams(preset=preset)
            )
            for preset in Preset
        ],
        limits=LimitsView(
            min_size=MIN_SIZE,
            max_size=services.offered_size(),
            max_styles=MAX_STYLES,
            max_picture_bytes=settings.max_picture_bytes,
            max_picture_pixels=settings.max_picture_pixels,
            picture_formats=[each.media_type for each in INPUT_FORMATS],
            result_formats=list(PictureFormat),
        ),
        parameters=_parameters(),
    )


def _parameters() -> dict[str, Any]:
    """Return the schema of every parameter, with the references to its choices resolved."""
    schema = StyleParams.model_json_schema()
    choices = schema.pop("$defs", {})
    parameters: dict[str, Any] = {}
    for name, field in schema["properties"].items():
        choice = str(field.pop("$ref", "")).rpartition("/")[2]
        kind = {key: choices[choice][key] for key in ("type", "enum")} if choice else {}
        parameters[name] = {**kind, **field}
    return parameters
