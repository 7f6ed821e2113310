"""Steps that are recorded on a GPU: what of it can be seen with one, and without."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from core.nst import VGG19
from core.nst.network.graph import recorded
from core.nst.objective import Objective
from core.params import StyleParams

needs_a_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


def pictures(device: str) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.rand(1, 3, 64, 96, generator=generator).to(device) for _ in range(4)]


def test_on_the_cpu_nothing_is_recorded(tiny_network: VGG19) -> None:
    content, style, image, _ = pictures("cpu")
    evaluate = Objective(tiny_network, content, [style], StyleParams()).with_gradient
    assert recorded(evaluate, image) is evaluate


@needs_a_gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_was_recorded_gives_what_is_computed_piece_by_piece(
    tiny_weights: dict[str, Tensor], dtype: torch.dtype
) -> None:
    content, style, first, second = pictures("cuda")
    network = VGG19(tiny_weights, device=torch.device("cuda"), dtype=dtype)
    evaluate = Objective(network, content, [style], StyleParams(tv_weight=3)).with_gradient
    graph = recorded(evaluate, first)
    assert graph is not evaluate
    answers = [graph(image) for image in (first, second)]  # the second leaves the first alone
    for image, (loss, gradient) in zip((first, second), answers, strict=True):
        expected_loss, expected = evaluate(image)
        torch.testing.assert_close(loss.total, expected_loss.total)
        torch.testing.assert_close(gradient, expected)
