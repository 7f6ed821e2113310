"""The presets. A parameter that is set explicitly overrides its preset."""

from __future__ import annotations

from typing import Any

from core.params.choices import Preset, complete_table

#: The ratio of style weight to content weight. Chosen by eye, from 5 to 10000, on two views of
#: Tübingen, a cat and a portrait: at 40 the face of the portrait is lost, at 5 few of the
#: painting's larger shapes appear.
#: Departure: the paper has 1000 to 10000, for losses that are sums instead of means.
_BALANCE = 20.0

_PRESETS: dict[Preset, dict[str, Any]] = {
    Preset.FAST: {
        "steps": 30,
        "style_weight": _BALANCE,
        "pyramid": "64:2",
        "optimizer": "lbfgs",
        "tv_weight": 0.0,
    },
    Preset.BALANCED: {
        # Enough steps to reach a lower loss than the usual training loop: see `make bench`.
        "steps": 90,
        "style_weight": _BALANCE,
        "pyramid": "64:2",
        "optimizer": "lbfgs",
        "tv_weight": 0.0,
    },
    Preset.FINE: {
        "steps": 150,
        "style_weight": _BALANCE,
        "pyramid": "64:1.42",
        "optimizer": "lbfgs",
        "tv_weight": 0.0,
    },
    # Gatys, Ecker and Bethge 2015, section "Methods": white noise, L-BFGS,
    # average pooling, one scale.
    Preset.GATYS2015: {
        "steps": 500,
        # Lower, because the start is noise and the content has to appear first. Chosen by
        # eye, from 10 to 1000.
        "style_weight": 10.0,
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
        Preset.GATYS2015: "The recipe of the paper.",
    },
)
