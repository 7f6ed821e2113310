"""What the sections have in common: the device, the network, the pictures, and the clock."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from core.nst import VGG19, Pictures, load_network
from core.nst.network.precision import pick_format
from core.nst.scale import Scale, Scales
from core.params import Network, StyleParams

_SAMPLES = Path(__file__).parents[2] / "samples"

#: A row of measurements.
Row = dict[str, object]


@dataclass(frozen=True)
class Machine:
    """Where and how large the sections run.

    Args:
        device: the device.
        weights: the folder of the weights.
        network: the network.
        sizes: of the pictures, in pixels, smallest first.
        steps: the optimiser steps that are timed.
    """

    device: torch.device
    weights: Path
    network: Network = StyleParams().network
    sizes: tuple[int, ...] = (256, 512, 1024, 2048)
    steps: int = 60

    @property
    def smallest(self) -> int:
        """The size at which everything is compared."""
        return min(96, *self.sizes)

    def load(self, device: torch.device | None = None) -> VGG19:
        """Return the network, on this device or another."""
        return load_network(self.network, self.weights, device or self.device)

    def params(self, **given: object) -> StyleParams:
        """Return parameters for this network."""
        return StyleParams.model_validate({"network": self.network, **given})

    def job_params(self, size: int) -> StyleParams:
        """Return those of a whole job: the default ones, but few steps on a CPU."""
        few = {} if self.device.type == "cuda" else {"steps": self.steps}
        return self.params(size=size, **few)

    def scale(self, network: VGG19, size: int, **given: object) -> Scale:
        """Return one scale of a run in the precision that the device would choose."""
        params = self.params(size=size, pyramid="off", **given)
        number_format = pick_format(params.precision, self.device)
        return Scales(pictures(), params, network.using(number_format)).at(size)

    def synchronize(self) -> None:
        """Wait for all work that was launched."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def milliseconds(self, work: Callable[[], object], times: int = 20) -> float:
        """Return how long some work takes, after it was done three times."""
        for _ in range(3):
            work()
        self.synchronize()
        started = time.perf_counter()
        for _ in range(times):
            work()
        self.synchronize()
        return 1e3 * (time.perf_counter() - started) / times

    def arguments(self) -> list[str]:
        """Return the machine as arguments of ``python -m bench.gpu``."""
        return [
            *("--device", str(self.device), "--weights", str(self.weights)),
            *("--network", self.network.value, "--steps", str(self.steps)),
            *("--sizes", *(str(size) for size in self.sizes)),
        ]

    def used_mib(self) -> int:
        """Return the memory of the device that all processes use."""
        if self.device.type != "cuda":
            return 0
        free, total = torch.cuda.mem_get_info(self.device)
        return (total - free) // 2**20


def complete_rows(text: str) -> list[dict[str, Any]]:
    """Return the rows that a process has printed, one a line; not one that it was writing.

    What libraries print is left out.
    """
    lines = text[: text.rfind("\n") + 1].splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def pictures(width: int = 2048, height: int = 1536, *, masks: bool = False) -> Pictures:
    """Return a photograph and a painting of one size, with masks of two halves if asked for."""
    content, style = (
        Image.open(_SAMPLES / name).convert("RGB").resize((width, height))
        for name in ("photos/cat.jpg", "styles/swirls.jpg")
    )
    if not masks:
        return Pictures(content, [style])
    mask = Image.new("RGB", (width, height), "red")
    mask.paste("blue", (0, 0, width // 2, height))
    return Pictures(content, [style], content_mask=mask, style_masks=[mask])


def difference(ours: Tensor, theirs: Tensor) -> float:
    """Return the length of the difference, relative to that of the second."""
    norm = torch.linalg.vector_norm
    return float(norm(ours.double().cpu() - theirs.double().cpu()) / norm(theirs.double().cpu()))
