"""Steps that are recorded on a GPU: what of it can be seen with one, and without."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from core.nst import VGG19
from core.nst.network.cuda_graph import Evaluation, recorded
from core.nst.network.precision import NumberFormat
from core.nst.objective import Objective
from core.params import StyleParams

needs_a_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


def pictures(device: str) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.rand(1, 3, 64, 96, generator=generator).to(device) for _ in range(4)]


def test_on_the_cpu_nothing_is_recorded(tiny_network: VGG19) -> None:
    content, style, image, _ = pictures("cpu")
    evaluate = evaluation(Objective(tiny_network, content, [style], StyleParams()))
    assert recorded(evaluate, image) is evaluate


def evaluation(objective: Objective) -> Evaluation:
    def evaluate(image: Tensor) -> tuple[Tensor, ...]:
        loss, gradient = objective.with_gradient(image)
        return (*loss, gradient)

    return evaluate


@needs_a_gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_was_recorded_gives_what_is_computed_piece_by_piece(
    tiny_weights: dict[str, Tensor], dtype: torch.dtype
) -> None:
    content, style, first, second = pictures("cuda")
    network = VGG19(tiny_weights, device=torch.device("cuda"), number_format=NumberFormat(dtype))
    evaluate = evaluation(Objective(network, content, [style], StyleParams(tv_weight=3)))
    graph = recorded(evaluate, first)
    assert graph is not evaluate
    answers = [graph(image) for image in (first, second)]  # the second leaves the first alone
    for image, outputs in zip((first, second), answers, strict=True):
        torch.testing.assert_close(outputs, evaluate(image))
