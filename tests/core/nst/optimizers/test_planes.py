"""Arithmetic on images in parts."""

from __future__ import annotations

import pytest
import torch

from core.nst.optimizers import planes as module
from core.nst.optimizers.planes import add_scaled, dot, multiply, planes
from tests.core.nst.examples import uniform

A, B = uniform(0, 1, 3, 20, 30).float(), uniform(1, 1, 3, 20, 30).float()


@pytest.fixture(params=[2**20, 100], ids=["small", "large"], autouse=True)
def large_pixels(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(module, "LARGE_PIXELS", request.param)
    return int(request.param)


def test_a_large_image_comes_channel_by_channel(large_pixels: int) -> None:
    parts = list(planes(A, B))
    assert len(parts) == (3 if large_pixels == 100 else 1)
    assert torch.equal(torch.cat([a for a, _ in parts], 1), A)


def test_parts_share_the_memory_of_the_image() -> None:
    image = A.clone()
    for (part,) in planes(image):
        part.zero_()
    assert not image.any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_sums_and_products_are_those_of_the_whole_images(dtype: torch.dtype) -> None:
    other = B.to(dtype)
    exact = (A.double() * other.double()).sum()
    torch.testing.assert_close(dot(A, other).double(), exact, rtol=1e-6, atol=0)
    image = A.clone()
    add_scaled(image, torch.tensor(-0.5), other)
    torch.testing.assert_close(image, A - 0.5 * other.float())
    torch.testing.assert_close(multiply(A.clone(), other), A * other.float())


def test_a_long_inner_product_keeps_its_digits() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1, 1, 2048, 2048, generator=generator)
    torch.testing.assert_close(dot(x, x).double(), x.double().square().sum(), rtol=1e-5, atol=0)
