"""What was computed once and may be asked again, within bounds."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable

from torch import Tensor


class Memory:
    """Remembers answers made of tensors; the least recently used are forgotten first.

    Args:
        capacity: how many bytes of tensors to remember at most.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._answers: OrderedDict[Hashable, list[Tensor]] = OrderedDict()

    def recall(self, question: Hashable, answer: Callable[[], list[Tensor]]) -> list[Tensor]:
        """The answer as it was given the last time, or a new one. Nobody may write to it."""
        if question not in self._answers:
            self._answers[question] = answer()
        self._answers.move_to_end(question)
        given = self._answers[question]
        while self.bytes() > self._capacity:
            self._answers.popitem(last=False)
        return given

    def forget(self) -> None:
        """All of it."""
        self._answers.clear()

    def bytes(self) -> int:
        """The size of all that is remembered."""
        return sum(tensor.nbytes for answer in self._answers.values() for tensor in answer)


def fingerprint(tensors: Iterable[Tensor]) -> str:
    """The same for the same numbers in the same shapes, and for nothing else."""
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(f"{tensor.dtype}{tuple(tensor.shape)}".encode())
        digest.update(tensor.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
