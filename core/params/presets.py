"""The presets. A parameter that is set explicitly overrides its preset."""

from __future__ import annotations

from typing import Any

from core.params.choices import Layer, Preset, complete_table

#: b_l of the recipe: how much a layer counts in the style loss (see ``core.nst.balance``). The
#: early layers count more, because they carry the palette and the brush strokes, and conv5_1 whole
#: objects of the painting.
STYLE_LAYERS: dict[Layer, float] = {
    "conv1_1": 8.0,
    "conv2_1": 8.0,
    "conv3_1": 4.0,
    "conv4_1": 2.0,
    "conv5_1": 0.1,
}

#: The layers of the paper, with equal weights.
_PAPER = {
    "content_layers": ("conv4_2",),
    "style_layers": ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1"),
}

_PRESETS: dict[Preset, dict[str, Any]] = {
    # The steps are those of the knee: more of them change what is measured by less than they cost
    # (bench/attempts.md).
    Preset.FAST: {
        "steps": 12,
        "pyramid": "64:2",
        "optimizer": "lbfgs",
        "tv_weight": 0.0,
    },
    Preset.BALANCED: {
        "steps": 28,
        "pyramid": "64:2",
        "optimizer": "lbfgs",
        "tv_weight": 0.0,
    },
    Preset.FINE: {
        "steps": 80,
        "pyramid": "64:1.42",
        "optimizer": "lbfgs",
        "tv_weight": 0.0,
    },
    # The loop that most implementations have: Adam from the content picture at full size.
    Preset.CLASSIC: {
        **_PAPER,
        "steps": 300,
        # Chosen by eye, from 5 to 10000, on two views of Tübingen, a cat and a portrait: at 40 the
        # face of the portrait is lost, at 5 few of the painting's larger shapes appear.
        # Departure: the paper has 1000 to 10000, for losses that are sums instead of means.
        "style_weight": 20.0,
        "style_statistics": "gram",
        "pyramid": "off",
        "optimizer": "adam",
        "tv_weight": 0.0,
    },
    # Gatys, Ecker and Bethge 2015, section "Methods": white noise, L-BFGS,
    # average pooling, one scale.
    Preset.GATYS2015: {
        **_PAPER,
        "steps": 500,
        # Lower, because the start is noise and the content has to appear first. Chosen by
        # eye, from 10 to 1000.
        "style_weight": 10.0,
        "style_statistics": "gram",
        "pyramid": "off",
        "optimizer": "lbfgs",
        "init": "noise",
        "pooling": "average",
        # Departure: the paper has no total variation loss. Average pooling does not see a
        # pattern of alternating pixels, so without this term the noise stays as a grid.
        # Chosen by eye, from 0 to 100.
        "tv_weight": 30.0,
    },
}

PRESETS = complete_table(Preset, _PRESETS)

#: For the API's list of presets.
DESCRIPTIONS = complete_table(
    Preset,
    {
        Preset.FAST: "A quick draft.",
        Preset.BALANCED: "The default.",
        Preset.FINE: "More steps, for prints.",
        Preset.CLASSIC: "One scale, Adam and equal weights, as in most implementations.",
        Preset.GATYS2015: "The recipe of the paper.",
    },
)
