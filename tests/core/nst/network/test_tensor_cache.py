"""The cache of tensors, and the digests that are its keys."""

from __future__ import annotations

import torch
from torch import Tensor

from core.nst.network.tensor_cache import TensorCache, fingerprint


class Counted:
    """A cache that lists the keys whose tensors were computed."""

    def __init__(self, capacity: int) -> None:
        self.cache = TensorCache(capacity)
        self.computed: list[str] = []

    def get(self, key: str, size: int = 1) -> Tensor:
        def compute() -> list[Tensor]:
            self.computed.append(key)
            return [torch.zeros(size, dtype=torch.uint8)]

        (tensor,) = self.cache.get_or_compute(key, compute)
        return tensor


def test_a_cached_tensor_is_not_computed_again() -> None:
    counted = Counted(capacity=10)
    assert counted.get("a") is counted.get("a")
    assert counted.computed == ["a"]


def test_the_least_recently_used_entry_is_evicted_first() -> None:
    counted = Counted(capacity=2)
    for key in ("a", "b", "a", "c", "a", "b"):
        counted.get(key)
    assert counted.computed == ["a", "b", "c", "b"]
    assert counted.cache.size_bytes() == 2


def test_tensors_larger_than_the_cache_are_returned_but_not_kept() -> None:
    counted = Counted(capacity=2)
    assert counted.get("a", size=3).numel() == 3
    assert counted.cache.size_bytes() == 0


def test_clearing_the_cache_removes_all_entries() -> None:
    counted = Counted(capacity=10)
    counted.get("a")
    counted.cache.clear()
    assert counted.cache.size_bytes() == 0
    counted.get("a")
    assert counted.computed == ["a", "a"]


def test_fingerprints_differ_by_values_shape_and_number_format() -> None:
    images = [torch.zeros(2, 3), torch.zeros(3, 2), torch.ones(2, 3), torch.zeros(2, 3).double()]
    assert len({fingerprint([image]) for image in images}) == len(images)
    assert fingerprint([torch.zeros(2, 3)]) == fingerprint([torch.zeros(2, 3)])
