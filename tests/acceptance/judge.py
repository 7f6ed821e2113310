"""The losses of a finished picture, written anew from their definition.

It shares nothing with the project but the cached weights: plain float32
convolutions, and the formulas

    content = mean((F - P)^2) at conv4_2
    style   = sum over five layers of 1/5 mean((G - A)^2), G = F F^T / (H W)

Pictures are resampled by Pillow's Lanczos filter with ``reducing_gap=3``, as
docs/algorithm.md says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import scipy.linalg
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
#: Height x width x 3; or features, channels x height x width.
Pixels = npt.NDArray[np.float64]

MEAN = np.array([123.68, 116.779, 103.939]) / 255
LUMA = np.array([0.299, 0.587, 0.114])

#: What docs/algorithm.md says that each average pool is multiplied by.
FACTORS = (1.21, 1.36, 1.31, 1.91)


@dataclass(frozen=True)
class Eyes:
    """How pictures are looked at, if not as usual."""

    average: bool = False
    replicate: bool = False
    #: ``style``, ``match`` or ``content``.
    color: str = "style"
    style_scale: float = 1.0
    #: One weight for each style picture; none means equal.
    blend: Sequence[float] = ()
    #: The content's mask and one for each style: colours by what part of the width they end at.
    splits: Sequence[float] = field(default=())


def losses(
    result: Image.Image,
    content: Image.Image,
    styles: Sequence[Image.Image],
    weights: Path,
    eyes: Eyes | None = None,
) -> tuple[float, float]:
    """The content and the style term of a result, at its own size."""
    eyes = eyes or Eyes()
    network = load_file(weights)
    photo = _read(content, result.size)
    paintings = [_recoloured(_scaled(s, result, eyes.style_scale), photo, eyes) for s in styles]
    seen = _features(_grey(_read(result, result.size), eyes), network, eyes)
    wanted = _features(_grey(photo, eyes), network, eyes)
    painted = [_features(painting, network, eyes) for painting in paintings]
    content_term = ((seen["conv4_2"] - wanted["conv4_2"]) ** 2).mean()
    shares = np.array(eyes.blend or [1.0] * len(styles))
    shares = shares / shares.sum()
    style_term = 0.0
    for layer in STYLE:
        for region, area in ((0, 0.5), (1, 0.5)) if eyes.splits else ((None, 1.0),):
            aim = sum(
                share * _gram(features[layer], region, split)
                for share, features, split in zip(
                    shares, painted, eyes.splits[1:] or shares, strict=True
                )
            )
            found = _gram(seen[layer], region, eyes.splits[0] if eyes.splits else 0)
            style_term += float(((found - aim) ** 2).mean()) * area / 5
    return float(content_term), style_term


def _scaled(style: Image.Image, result: Image.Image, scale: float) -> Pixels:
    longer = round(max(result.size) * scale)
    width, height = (round(side * longer / max(style.size)) for side in style.size)
    return _read(style, (width, height))


def _read(picture: Image.Image, size: tuple[int, int]) -> Pixels:
    """Height x width x 3, from 0 to 1."""
    resized = picture.convert("RGB").resize(size, Image.Resampling.LANCZOS, reducing_gap=3)
    return np.asarray(resized).astype(np.float64) / 255


def _grey(pixels: Pixels, eyes: Eyes) -> Pixels:
    return np.stack([pixels @ LUMA] * 3, axis=2) if eyes.color == "content" else pixels


def _recoloured(style: Pixels, content: Pixels, eyes: Eyes) -> Pixels:
    if eyes.color == "content":
        s, c = _grey(style, eyes), content @ LUMA
        return np.array((s - s.mean()) / s.std() * c.std() + c.mean())
    if eyes.color == "match":
        s, c = style.reshape(-1, 3), content.reshape(-1, 3)
        root = scipy.linalg.sqrtm(np.cov(c.T)) @ np.linalg.inv(scipy.linalg.sqrtm(np.cov(s.T)))
        matched = (s - s.mean(0)) @ root.T.real + c.mean(0)
        return np.array(matched.clip(0, 1).reshape(style.shape))
    return style


def _features(pixels: Pixels, network: Mapping[str, torch.Tensor], eyes: Eyes) -> dict[str, Pixels]:
    """Of each layer, channels x height x width."""
    x = torch.tensor((pixels - MEAN).astype(np.float32)).movedim(2, 0)[None]
    found, factors = {}, iter(FACTORS)
    with torch.no_grad():
        for name in ORDER:
            if name == "P" and eyes.average:
                x = torch.nn.functional.avg_pool2d(x, kernel_size=2) * next(factors)
                continue
            if name == "P":
                x = torch.nn.functional.max_pool2d(x, kernel_size=2)
                continue
            layer = f"conv{name[0]}_{name[1]}"
            weight, bias = network[f"{layer}.weight"], network[f"{layer}.bias"]
            mode = "replicate" if eyes.replicate else "constant"
            x = torch.nn.functional.pad(x, (1, 1, 1, 1), mode=mode)
            x = torch.nn.functional.conv2d(x, weight, bias).clamp_min(0)
            found[layer] = x[0].double().numpy()
    return found


def _gram(features: Pixels, region: int | None, split: float) -> Pixels:
    """Of everything, or of the part to the left (0) or to the right (1) of a split."""
    if region is not None:
        column = split * features.shape[2]
        assert column == round(column)  # or a position would belong to both
        features = np.split(features, [round(column)], axis=2)[region]
    return np.array(np.einsum("chw,dhw->cd", features, features) / features[0].size)
