"""The preset ``classic`` is the usual loop, which shares no code with it."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from bench.loop import Loop
from core.nst import VGG19, stylize
from core.nst.descent import Descent
from core.nst.network.pixels import to_tensor
from core.nst.objective import Objective
from core.nst.optimizers.optimizer import make_optimizer
from core.nst.optimizers.preconditioner import identity
from core.params import Preset, StyleParams
from core.params.schedule import schedule
from tests.core.nst.examples import CONTENT, CPU, FLOAT64, PICTURES, STYLE

CLASSIC = StyleParams.model_validate({"preset": Preset.CLASSIC, "size": 64, "precision": "float32"})
IMAGES = to_tensor(CONTENT, (64, 43), CPU), to_tensor(STYLE, (64, 56), CPU)


def loop_image(folder: Path, weights: dict[str, Tensor], dtype: torch.dtype, steps: int) -> Tensor:
    """Return the picture of the loop, in some precision."""
    file = folder / "weights.safetensors"
    save_file({name: tensor.to(dtype) for name, tensor in weights.items()}, file)
    content, style = (image.to(dtype) for image in IMAGES)
    loop = Loop(file, content, style, alpha=1, beta=20)
    for _ in range(steps):
        loop.step()
    return loop.image.detach()


def test_the_first_pictures_are_those_of_the_usual_loop_in_float32(
    tiny_network: VGG19, tiny_weights: dict[str, Tensor], tmp_path: Path
) -> None:
    records = stylize(PICTURES, CLASSIC, tiny_network)
    tenth = next(step for step in records if step.step == 10)
    assert (tenth.steps, tenth.scales) == (300, 1)
    expected = loop_image(tmp_path, tiny_weights, torch.float32, steps=10)
    torch.testing.assert_close(tenth.image, expected, atol=1e-3, rtol=0)
    assert (tenth.image - IMAGES[0]).abs().mean() > 0.05


def test_the_last_picture_is_that_of_300_steps_of_the_usual_loop_in_float64(
    tiny_network: VGG19, tiny_weights: dict[str, Tensor], tmp_path: Path
) -> None:
    # Rounding errors grow with every step. In float64 they stay small over all of them.
    content, style = (image.double() for image in IMAGES)
    objective = Objective(tiny_network.using(FLOAT64), content, [style], CLASSIC)
    optimizer = make_optimizer(CLASSIC.optimizer, CLASSIC.learning_rate, identity, 0)
    descent = Descent(content, optimizer)
    (phase,) = schedule(CLASSIC).phases
    for _ in descent.follow(objective, phase.steps):
        pass
    expected = loop_image(tmp_path, tiny_weights, torch.float64, steps=300)
    torch.testing.assert_close(descent.image, expected, atol=1e-6, rtol=0)
