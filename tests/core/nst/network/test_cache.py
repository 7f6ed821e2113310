"""Style targets are kept from job to job, within bounds."""

from __future__ import annotations

import torch
from torch import Tensor

from core.nst import VGG19
from core.nst.network.cache import TensorCache, fingerprint
from core.nst.network.precision import BFLOAT16
from core.nst.objective import Objective
from core.params import StyleParams


def counted(memory: TensorCache, question: str, calls: list[str], size: int = 1) -> list[Tensor]:
    def answer() -> list[Tensor]:
        calls.append(question)
        return [torch.zeros(size, dtype=torch.uint8)]

    return memory.get_or_compute(question, answer)


def test_a_question_is_answered_once() -> None:
    memory, calls = TensorCache(capacity=10), list[str]()
    first = counted(memory, "a", calls)
    assert counted(memory, "a", calls)[0] is first[0]
    assert calls == ["a"]


def test_the_least_recently_used_answer_is_forgotten_first() -> None:
    memory, calls = TensorCache(capacity=2), list[str]()
    for question in ("a", "b", "a", "c", "a", "b"):
        counted(memory, question, calls)
    assert calls == ["a", "b", "c", "b"]
    assert memory.size_bytes() == 2


def test_an_answer_too_large_to_remember_is_given_all_the_same() -> None:
    memory, calls = TensorCache(capacity=2), list[str]()
    assert counted(memory, "a", calls, size=3)[0].numel() == 3
    assert memory.size_bytes() == 0


def test_the_fingerprint_tells_numbers_and_shapes_apart() -> None:
    pictures = [torch.zeros(2, 3), torch.zeros(3, 2), torch.ones(2, 3), torch.zeros(2, 3).double()]
    assert len({fingerprint([picture]) for picture in pictures}) == len(pictures)
    assert fingerprint([torch.zeros(2, 3)]) == fingerprint([torch.zeros(2, 3)])


def test_a_second_job_with_the_same_painting_aims_at_the_same(
    tiny_weights: dict[str, Tensor],
) -> None:
    generator = torch.Generator().manual_seed(0)
    pictures = [torch.rand(1, 3, 32, 32, generator=generator) for _ in range(4)]
    content, other, style, another = pictures
    network = VGG19(tiny_weights).using(BFLOAT16)
    Objective(network, content, [style], StyleParams())
    kept = network.exact.cache.size_bytes()
    assert kept
    again = Objective(network, other, [style.clone()], StyleParams())
    assert network.exact.cache.size_bytes() == kept
    anew = Objective(VGG19(tiny_weights).using(BFLOAT16), other, [style], StyleParams())
    assert torch.equal(again.at(content).style, anew.at(content).style)
    Objective(network, content, [another], StyleParams())
    assert network.exact.cache.size_bytes() == 2 * kept


def test_other_layers_are_another_question(tiny_weights: dict[str, Tensor]) -> None:
    network = VGG19(tiny_weights)
    content, style = torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32)
    kept = []
    for layers in (["conv1_1"], ["conv2_1"], ["conv1_1", "conv2_1"]):
        params = StyleParams.model_validate({"style_layers": layers})
        Objective(network, content, [style], params)
        kept.append(network.exact.cache.size_bytes())
    assert kept[0] < kept[1] < kept[2]
