"""The presets, the limits of the server, and every parameter with its bounds."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.answers.error_docs import error_responses
from api.callers.authentication import CallerDep
from api.deps import ServicesDep
from core.params import StyleParams
from core.params.choices import PictureFormat, Preset
from core.params.presets import DESCRIPTIONS
from core.params.sizes import MIN_SIZE
from core.pictures.decode import ACCEPTED_FORMATS
from core.pictures.inputs import MAX_STYLES

router = APIRouter(tags=["about"])


class PresetView(BaseModel):
    """A named set of parameters."""

    name: Preset
    description: str
    params: StyleParams = Field(description="What a job has that asks for nothing else.")


class LimitsView(BaseModel):
    """What this server takes."""

    min_size: int
    max_size: int
    max_styles: int
    max_picture_bytes: int
    max_picture_pixels: int
    picture_formats: list[str] = Field(description="What pictures may be sent as.")
    result_formats: list[PictureFormat]


class Offer(BaseModel):
    """What can be asked for."""

    default: Preset
    presets: list[PresetView]
    limits: LimitsView
    parameters: dict[str, Any] = Field(
        description="Every parameter by its name, as JSON Schema: its type, bounds, choices, "
        "default and description."
    )


@router.get("/presets", operation_id="list_presets", responses=error_responses(503))
def list_presets(caller: CallerDep, services: ServicesDep) -> Offer:  # noqa: ARG001 - counted
    """The presets, the limits, and every parameter with its bounds."""
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
            max_size=settings.max_size,
            max_styles=MAX_STYLES,
            max_picture_bytes=settings.max_picture_bytes,
            max_picture_pixels=settings.max_picture_pixels,
            picture_formats=[f"image/{name.lower()}" for name in ACCEPTED_FORMATS],
            result_formats=list(PictureFormat),
        ),
        parameters=_parameters(),
    )


def _parameters() -> dict[str, Any]:
    """Each with its choices in place, so that no reference has to be followed."""
    schema = StyleParams.model_json_schema()
    choices = schema.pop("$defs", {})
    found: dict[str, Any] = {}
    for name, field in schema["properties"].items():
        referred = str(field.pop("$ref", "")).rpartition("/")[2]
        kind = {key: choices[referred][key] for key in ("type", "enum")} if referred else {}
        found[name] = {**kind, **field}
    return found
