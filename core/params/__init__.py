"""The parameters of a job: the model, its choices, presets and sizes."""

from core.params.choices import (
    LAYERS,
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
    complete_table,
)
from core.params.model import StyleParams
from core.params.sizes import (
    LARGE_PIXELS,
    LEAST_POSITIONS,
    MAX_REGIONS,
    MIN_SIDE,
    MIN_SIZE,
    size_at,
)
from core.params.validation import parse_params

__all__ = [
    "LARGE_PIXELS",
    "LAYERS",
    "LEAST_POSITIONS",
    "MAX_REGIONS",
    "MIN_SIDE",
    "MIN_SIZE",
    "Color",
    "Init",
    "Layer",
    "Network",
    "Optimizer",
    "Padding",
    "PictureFormat",
    "Pooling",
    "Precision",
    "Preset",
    "StyleParams",
    "StyleStatistics",
    "complete_table",
    "parse_params",
    "size_at",
]
