"""What is easily forgotten with a new optimiser."""

from __future__ import annotations

import pytest
import torch

from core.nst.optimizers.optimizer import make_optimizer
from core.params import Optimizer
from tests.core.nst.optimizers.functions import Evaluator


@pytest.mark.parametrize("name", Optimizer)
def test_an_optimizer_keeps_as_many_pictures_as_it_declares(name: Optimizer) -> None:
    shape = (1, 3, 64, 64)
    target = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    weights = torch.logspace(0, 2, target.numel()).view(shape)
    evaluate = Evaluator(lambda image: (weights * (image - target) ** 2).mean())
    optimizer, point = make_optimizer(name, name.learning_rate), evaluate(torch.full(shape, 0.5))
    for _ in range(15):
        point = optimizer.step(point, evaluate)
    numbers = sum(tensor.numel() for tensor in optimizer.state().values())
    assert round(numbers / target.numel()) == name.kept_pictures
