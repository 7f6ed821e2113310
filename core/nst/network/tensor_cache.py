"""A least-recently-used cache of tensors, bounded in bytes."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable

from torch import Tensor


class TensorCache:
    """Computed tensors by key.

    Args:
        capacity: the most bytes of tensors to keep.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._entries: OrderedDict[Hashable, list[Tensor]] = OrderedDict()

    def get_or_compute(self, key: Hashable, compute: Callable[[], list[Tensor]]) -> list[Tensor]:
        """Return the tensors of a key, computed if they are not cached. Do not write to them."""
        if key not in self._entries:
            self._entries[key] = compute()
        self._entries.move_to_end(key)
        tensors = self._entries[key]
        while self.size_bytes() > self._capacity:
            self._entries.popitem(last=False)
        return tensors

    def clear(self) -> None:
        """Remove all entries."""
        self._entries.clear()

    def size_bytes(self) -> int:
        """Return the bytes of all cached tensors."""
        return sum(tensor.nbytes for tensors in self._entries.values() for tensor in tensors)


def fingerprint(tensors: Iterable[Tensor]) -> str:
    """Return a digest of the numbers, number formats and shapes."""
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(f"{tensor.dtype}{tuple(tensor.shape)}".encode())
        digest.update(tensor.cpu().contiguous().numpy().data)
    return digest.hexdigest()
