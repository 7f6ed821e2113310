"""Named sets of parameters. A field that is given explicitly wins over its preset."""

from __future__ import annotations

from typing import Any

from core.params.choices import Optimizer, Preset

#: Chosen by looking, of 5 to 10000, at two views of Tübingen, a cat and a portrait: at 40
#: the portrait has lost its face to the painting, at 5 the painting's larger forms are few.
#: Departure: the paper has 1000 to 10000, for sums instead of means.
_BALANCE = 20.0

PRESETS: dict[Preset, dict[str, Any]] = {
    Preset.FAST: {
        "steps": 30,
        "style_weight": _BALANCE,
        "pyramid": "64:2",
        "optimizer": "lbfgs",
        "tv_weight": 0.0,
    },
    Preset.BALANCED: {
        # So many that the loop everyone writes is overtaken: `make bench`.
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
        # From noise the photograph is not there to be kept, but has to come: chosen by
        # looking, of 10 to 1000.
        "style_weight": 10.0,
        "pyramid": "off",
        "optimizer": "lbfgs",
        "init": "noise",
        "pooling": "average",
        # Departure: the paper has no such term. Average pooling does not see every other
        # pixel, and without it noise stays there as a grid. Chosen by looking, of 0 to 100.
        "tv_weight": 30.0,
    },
}

#: Adam's step is in the units of the picture; L-BFGS finds its own, times this. Rounding makes
#: the loss look more curved than it is, and steps shorter than they may be (bench/README.md).
LEARNING_RATES = {Optimizer.ADAM: 0.02, Optimizer.LBFGS: 1.2}
