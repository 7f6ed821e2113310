"""The losses of a finished picture, written anew from their definition.

It shares nothing with the project but the cached weights: plain float32
convolutions with zero padding, max pooling, and the formulas

    content = mean((F - P)^2) at conv4_2
    style   = sum over five layers of 1/5 mean((G - A)^2), G = F F^T / (H W)
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file

STYLE = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
# Convolutions by block and number, and the pools between the blocks.
ORDER = (
    *("11", "12", "P"),
    *("21", "22", "P"),
    *("31", "32", "33", "34", "P"),
    *("41", "42", "43", "44", "P"),
    "51",
)


def losses(
    result: Image.Image, content: Image.Image, style: Image.Image, weights: Path
) -> tuple[float, float]:
    """The content and the style term of a result, at its own size."""
    network = load_file(weights)
    longer = max(result.size)
    style_size = tuple(round(side * longer / max(style.size)) for side in style.size)
    found = _features(_read(result, result.size), network)
    wanted = _features(_read(content, result.size), network)
    painted = _features(_read(style, (style_size[0], style_size[1])), network)
    content_term = torch.nn.functional.mse_loss(found["conv4_2"], wanted["conv4_2"])
    style_term = sum(
        torch.nn.functional.mse_loss(_gram(found[layer]), _gram(painted[layer])) / 5
        for layer in STYLE
    )
    return float(content_term), float(style_term)


def _read(picture: Image.Image, size: tuple[int, int]) -> torch.Tensor:
    pixels = np.asarray(picture.convert("RGB").resize(size, Image.Resampling.LANCZOS))
    image = torch.tensor(pixels.astype(np.float32) / 255).movedim(2, 0)[None]
    return image - torch.tensor([123.68, 116.779, 103.939]).reshape(1, 3, 1, 1) / 255


def _features(x: torch.Tensor, network: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    found = {}
    with torch.no_grad():
        for name in ORDER:
            if name == "P":
                x = torch.nn.functional.max_pool2d(x, kernel_size=2)
                continue
            layer = f"conv{name[0]}_{name[1]}"
            weight, bias = network[f"{layer}.weight"], network[f"{layer}.bias"]
            x = torch.nn.functional.conv2d(x, weight, bias, padding=1).clamp_min(0)
            found[layer] = x
    return found


def _gram(features: torch.Tensor) -> torch.Tensor:
    return torch.einsum("nchw,ndhw->cd", features, features) / features[0, 0].numel()
