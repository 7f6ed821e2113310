"""The number format that is chosen for a device, and factors for average pooling."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from core.nst import fetch_weights, load_network
from core.nst.network.devices import BFLOAT16_UNITS, cpu_capabilities, multipliable
from core.nst.network.pixels import to_tensor
from core.nst.network.precision import (
    BFLOAT16,
    FLOAT32,
    INT8,
    INT8_AND_FLOAT32,
    NumberFormat,
    fallback_warning,
    on_cpu,
    on_cuda,
    pick_format,
)
from core.params import Layer, Network, Pooling, Precision
from core.settings.model import Settings
from tests.core.nst.examples import CPU
from worker.networks import calibration_pictures


@pytest.mark.usefixtures("bfloat16_units")
def test_a_cpu_with_bfloat16_units_computes_in_float32_and_bfloat16_on_request() -> None:
    assert pick_format(Precision.FLOAT32, CPU) is FLOAT32
    assert pick_format(Precision.BFLOAT16, CPU) is BFLOAT16
    assert fallback_warning(Precision.BFLOAT16, CPU) is None


@pytest.mark.usefixtures("no_bfloat16_units")
def test_a_cpu_without_bfloat16_units_falls_back_to_float32_with_a_warning() -> None:
    assert pick_format(Precision.BFLOAT16, CPU) is FLOAT32
    warning = fallback_warning(Precision.BFLOAT16, CPU)
    assert warning is not None
    assert "(cpu) has no bfloat16 units" in warning
    for other in set(Precision) - {Precision.BFLOAT16}:
        assert fallback_warning(other, CPU) is None


@pytest.mark.parametrize("capability", [(8, 0), (8, 9), (9, 0), (12, 0)])
def test_a_gpu_computes_in_bfloat16_except_on_request(capability: tuple[int, int]) -> None:
    for precision in set(Precision) - {Precision.FLOAT32}:
        assert on_cuda(precision, capability) is BFLOAT16
    assert on_cuda(Precision.FLOAT32, capability) is FLOAT32


@pytest.mark.parametrize("capability", [(6, 1), (7, 0), (7, 5)])
def test_a_gpu_before_ampere_computes_in_float32(capability: tuple[int, int]) -> None:
    assert {on_cuda(precision, capability) for precision in Precision} == {FLOAT32}


def test_the_gpu_of_a_mac_always_computes_in_float32() -> None:
    mps = torch.device("mps")
    assert {pick_format(precision, mps) for precision in Precision} == {FLOAT32}
    assert "(mps) has no bfloat16 units that Easel can use" in str(
        fallback_warning(Precision.BFLOAT16, mps)
    )
    assert fallback_warning(Precision.INT8, mps) == fallback_warning(Precision.BFLOAT16, mps)
    assert fallback_warning(Precision.AUTO, mps) is None


@pytest.mark.skipif(not Path("/proc/cpuinfo").exists(), reason="Linux lists the CPU's flags")
def test_auto_is_the_fastest_format_that_this_cpu_has_units_for() -> None:
    flags = set(Path("/proc/cpuinfo").read_text().split())
    if "avx512_vnni" in flags:
        expected = INT8 if BFLOAT16_UNITS & flags else INT8_AND_FLOAT32
    else:
        expected = BFLOAT16 if BFLOAT16_UNITS & flags else FLOAT32
    assert pick_format(Precision.AUTO, CPU) is expected


VNNI, BF16 = {"onednn", "avx2", "avx512_vnni"}, {"onednn", "avx2", "avx512_bf16"}


@pytest.mark.parametrize(
    ("precision", "capabilities", "expected"),
    [
        ("auto", {"onednn", "avx2"}, FLOAT32),
        ("auto", VNNI, INT8_AND_FLOAT32),
        ("auto", BF16, BFLOAT16),
        ("auto", BF16 | VNNI, INT8),
        ("auto", {"amx_bf16", "avx512_vnni"}, BFLOAT16),
        ("int8", VNNI, INT8_AND_FLOAT32),
        ("int8", BF16 | VNNI, INT8),
        ("int8", BF16, BFLOAT16),
        ("int8", {"onednn", "avx2"}, FLOAT32),
        ("int8", {"avx512_vnni"}, FLOAT32),
        ("bfloat16", BF16 | VNNI, BFLOAT16),
        ("bfloat16", VNNI, FLOAT32),
        ("float32", BF16 | VNNI, FLOAT32),
    ],
)
def test_a_cpu_uses_8_bits_only_if_it_sums_8_bit_products_exactly(
    precision: str, capabilities: set[str], expected: NumberFormat
) -> None:
    assert on_cpu(Precision(precision), capabilities) is expected


def test_average_pooling_has_the_mean_activations_of_max_pooling() -> None:
    # The factors were measured for the real network.
    directory = Settings().weights_dir
    fetch_weights(Network.NORMALIZED, directory, list)
    max_pooled = load_network(Network.NORMALIZED, directory, CPU)
    average_pooled = max_pooled.using(FLOAT32, Pooling.AVERAGE)
    image = to_tensor(calibration_pictures()[0], (256, 256), CPU)
    layers: list[Layer] = ["conv2_1", "conv3_1", "conv4_1", "conv5_1"]
    with torch.no_grad():
        expected, features = (
            network.features(image, layers) for network in (max_pooled, average_pooled)
        )
    for layer in layers:
        ratio = float(features[layer].mean() / expected[layer].mean())
        assert 0.75 < ratio < 1.33, (layer, ratio)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_matrices_keep_their_values_in_the_format_of_fast_products(dtype: torch.dtype) -> None:
    matrix = torch.rand(3, 4).to(dtype)
    chosen = multipliable(matrix)
    assert torch.equal(chosen.float(), matrix.float())
    fast = dtype == torch.float32 or not BFLOAT16_UNITS.isdisjoint(cpu_capabilities())
    assert chosen.dtype == (dtype if fast else torch.float32)
