"""Steps recorded as CUDA graphs; most of it needs a GPU."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from core.nst import VGG19
from core.nst.network.cuda_graph import Evaluation, recorded
from core.nst.network.precision import NumberFormat
from core.nst.objective import Objective
from core.params import StyleParams
from tests.core.nst.examples import uniform

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


def images(device: str) -> list[Tensor]:
    return [uniform(seed, 1, 3, 64, 96).float().to(device) for seed in range(4)]


def evaluation(objective: Objective) -> Evaluation:
    def evaluate(image: Tensor) -> tuple[Tensor, ...]:
        loss, gradient = objective.with_gradient(image)
        return (*loss, gradient)

    return evaluate


def test_on_the_cpu_nothing_is_recorded(tiny_network: VGG19) -> None:
    content, style, image, _ = images("cpu")
    evaluate = evaluation(Objective(tiny_network, content, [style], StyleParams()))
    assert recorded(evaluate, image) is evaluate


@needs_gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_recorded_step_gives_the_results_of_a_plain_one(
    tiny_weights: dict[str, Tensor], dtype: torch.dtype
) -> None:
    content, style, first, second = images("cuda")
    network = VGG19(tiny_weights, device=torch.device("cuda"), number_format=NumberFormat(dtype))
    evaluate = evaluation(Objective(network, content, [style], StyleParams(tv_weight=3)))
    graph = recorded(evaluate, first)
    assert graph is not evaluate
    replayed = [graph(image) for image in (first, second)]  # the second must not change the first
    for image, outputs in zip((first, second), replayed, strict=True):
        torch.testing.assert_close(outputs, evaluate(image))
