"""The OpenAPI schemas of the body of a new job or batch: its files, parameters and options."""

from __future__ import annotations

from typing import Any

from api.intake.form import CONTINUE_FIELD, DRAFT_FIELD
from core.jobs.batch import MAX_CONTENTS, BatchMode
from core.jobs.waiting.turns import Priority
from core.params import StyleParams
from core.params.edits import EDITS_FIELD, MAX_EDITS, Edit
from core.params.presets import PRESETS
from core.pictures.uploads import FILE_FIELDS, MAX_STYLES
from core.webhooks.webhook import EVENTS_FIELD, JOB_EVENTS, MAX_URL, SECRET_FIELD, URL_FIELD

_FILE_DESCRIPTIONS = {
    "content": "The photograph. Required, unless `continue_from` names a job.",
    "style": f"One to {MAX_STYLES} paintings. Required, unless `continue_from` names a job.",
    "init_image": "The picture to start from. It is resized to the size of the result.",
    "content_mask": "The regions of the content picture; each colour is a label. Must have the "
    "proportions of the content picture. PNG, lossless WebP, TIFF, GIF or BMP.",
    "style_mask": "The regions of the style pictures, one file for each style in the same order. "
    "A region of the content takes its style from the style regions of the same colour.",
    "detail_map": "Where the detail of the content picture is kept, as a grey picture of its "
    "proportions. White keeps faces and hands, black lets the painting in, and mid-grey (128) "
    "changes nothing.",
}

_OPTIONS = {
    URL_FIELD: {
        "type": "string",
        "format": "uri",
        "maxLength": MAX_URL,
        "description": "The URL that receives the job's events, signed as Standard Webhooks "
        "specifies.",
        "examples": ["https://example.com/easel"],
    },
    EVENTS_FIELD: {
        "type": "string",
        "description": "The events to send, separated by commas. All by default: "
        + ", ".join(event.value for event in JOB_EVENTS)
        + ".",
        "examples": ["job.succeeded,job.failed"],
    },
    SECRET_FIELD: {
        "type": "string",
        "pattern": "^whsec_[A-Za-z0-9+/]{32,86}={0,2}$",
        "description": "The secret that signs the events of this job: `whsec_` and 24 to 64 bytes "
        "in base64. By default, the secret of the caller signs them. It is never shown.",
        "examples": ["whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"],
    },
    "max_seconds": {
        "type": "integer",
        "minimum": 1,
        "maximum": 999_999_999,
        "description": "The most seconds that the job may run. If it is at its final size by then, "
        "it ends with the picture so far; otherwise it fails with `time_limit`.",
    },
    EDITS_FIELD: {
        "type": "array",
        "maxItems": MAX_EDITS,
        "items": {"$ref": f"#/components/schemas/{Edit.__name__}"},
        "description": "Changes of the parameters during the run, as the `edits` of a job: with "
        "its `params` and `edits` and the same pictures, the result is the same. In a form, the "
        "text of the JSON array.",
    },
    CONTINUE_FIELD: {
        "type": "string",
        "format": "uuid",
        "description": "A finished job of yours, or a draft. The new job has its pictures and "
        "parameters, except those that are given, and begins at the result of a finished job. Send "
        "no pictures then.",
    },
    "priority": {
        "type": "string",
        "enum": [priority.value for priority in Priority],
        "default": Priority.NORMAL.value,
        "description": "How urgent the job is among your own jobs. It changes nothing for other "
        "callers. `high` requires an API key that permits it.",
    },
    DRAFT_FIELD: {
        "type": "boolean",
        "default": False,
        "description": "Paint a draft for sliders: at most 192 pixels, painted anew after every "
        "change, and not in the list of jobs. It is canceled when nobody has read it for a minute.",
    },
    "validate_only": {
        "type": "boolean",
        "default": False,
        "description": "Check the request without creating a job, and answer 200 with an estimate.",
    },
}

#: Parameters whose default depends on the preset, the optimizer or the style weight, and the
#: strength, which takes the place of the preset's style weight. The schema gives them no default:
#: generated clients send every default of a schema, and a value that is sent takes precedence over
#: the preset.
_RESOLVED = sorted(
    {name for preset in PRESETS.values() for name in preset}
    | {"learning_rate", "strength", "style_statistics"}
)


#: A file in a form, and a picture in JSON, with what its description adds.
_BINARY = {"type": "string", "format": "binary"}
_BASE64 = {"type": "string", "format": "byte"}
_ENCODED = " As a data URL (`data:image/jpeg;base64,...`) or as base64."


def body_schema() -> dict[str, Any]:
    """Return the OpenAPI request body of a new job, as a form and as JSON."""
    content = {
        "multipart/form-data": {"schema": _schema("JobRequest", _BINARY, "")},
        "application/json": {"schema": _schema("JobRequestJson", _BASE64, _ENCODED)},
    }
    return {"required": True, "content": content}


def _schema(title: str, file: dict[str, Any], remark: str) -> dict[str, Any]:
    schema = StyleParams.model_json_schema(ref_template="#/components/schemas/{model}")
    schema.pop("$defs", None)
    for name in _RESOLVED:
        del schema["properties"][name]["default"]
    files = {field: _file_schema(field, file, remark) for field in FILE_FIELDS}
    schema["title"] = title
    schema["properties"] = {**files, **schema["properties"], **_OPTIONS}
    # The pictures are required unless a job is continued. The descriptions say so: with `anyOf`,
    # generated clients have no class for the request.
    return schema


def batch_body_schema() -> dict[str, Any]:
    """Return the OpenAPI request body of a new batch, as a form and as JSON."""
    content = {
        "multipart/form-data": {"schema": _batch_schema("BatchRequest", _BINARY, "")},
        "application/json": {"schema": _batch_schema("BatchRequestJson", _BASE64, _ENCODED)},
    }
    return {"required": True, "content": content}


def _batch_schema(title: str, file: dict[str, Any], remark: str) -> dict[str, Any]:
    schema = _schema(title, file, remark)
    fields = schema["properties"]
    for name in (*FILE_FIELDS, CONTINUE_FIELD, DRAFT_FIELD, EVENTS_FIELD, "validate_only"):
        del fields[name]
    several = {"type": "array", "items": file, "minItems": 1, "maxItems": MAX_CONTENTS}
    schema["properties"] = {
        "content": {**several, "description": "The photographs." + remark},
        "style": {
            **several,
            "description": f"The paintings: at most {MAX_STYLES}, and with `mode=pairs` as many as "
            "photographs." + remark,
        },
        "mode": {
            "type": "string",
            "enum": [mode.value for mode in BatchMode],
            "default": BatchMode.GRID.value,
            "description": "`grid`: each photograph with each painting. `pairs`: the first "
            "photograph with the first painting, and so on. `blend`: each photograph with all "
            "paintings, blended.",
        },
        **fields,
    }
    schema["properties"][URL_FIELD] = {
        **fields[URL_FIELD],
        "description": "The URL that receives `batch.finished`, signed as Standard Webhooks "
        "specifies.",
    }
    schema["required"] = ["content", "style"]
    return schema


def _file_schema(field: str, file: dict[str, Any], remark: str) -> dict[str, Any]:
    fewest, most = FILE_FIELDS[field]
    several = {"type": "array", "items": file, "minItems": fewest, "maxItems": most}
    return {
        **(file if most == 1 else several),
        "description": _FILE_DESCRIPTIONS[field] + remark,
    }
