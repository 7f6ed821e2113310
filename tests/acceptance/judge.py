"""The losses of a finished picture, computed independently of Easel.

Only the cached weights are shared with the project. Convolutions are in float32, and

    content = mean((F - P)^2) at conv4_2
    style   = sum over style layers of w mean((G - A)^2), G = F F^T / (H W)

Pictures are resampled by Pillow's Lanczos filter with ``reducing_gap=3``, as docs/algorithm.md
describes.
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

from core.params import Layer

STYLE_LAYERS: tuple[Layer, ...] = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
#: Convolutions by block and number, and the pools between the blocks.
ORDER = (
    *("11", "12", "P"),
    *("21", "22", "P"),
    *("31", "32", "33", "34", "P"),
    *("41", "42", "43", "44", "P"),
    "51",
)
#: Pixels, shape (H, W, 3), 0 to 1; or features, shape (C, H, W).
Array = npt.NDArray[np.float64]

MEAN = np.array([123.68, 116.779, 103.939]) / 255
LUMA = np.array([0.299, 0.587, 0.114])

#: The factors after the average pools, from docs/algorithm.md.
FACTORS = (1.21, 1.36, 1.31, 1.91)


@dataclass(frozen=True)
class LossOptions:
    """The parameters of a request that change its losses."""

    average_pooling: bool = False
    replicate: bool = False
    #: ``style``, ``match`` or ``content``.
    color: str = "style"
    style_scale: float = 1.0
    #: One weight for each style picture; empty for equal weights.
    blend: Sequence[float] = ()
    #: How much each style layer counts, where covariances and means are compared, relative to the
    #: painting's. Empty: Gram matrices are compared, and the five layers count equally.
    base: Mapping[Layer, float] = field(default_factory=dict)
    #: Where the masks of the content and of each style change colour, as a part of the width.
    #: Empty without masks.
    splits: Sequence[float] = field(default=())


def losses(
    result: Image.Image,
    content: Image.Image,
    styles: Sequence[Image.Image],
    weights: Path,
    options: LossOptions | None = None,
) -> tuple[float, float]:
    """Return the content and the style loss of a result, at its own size."""
    options = options or LossOptions()
    network = load_file(weights)
    photo = _read(content, result.size)
    paintings = [
        _recoloured(_scaled(style, result, options.style_scale), photo, options) for style in styles
    ]
    result_features, content_features, *style_features = (
        _features(pixels, network, options)
        for pixels in (
            *(_grey(_read(result, result.size), options), _grey(photo, options)),
            *paintings,
        )
    )
    content_loss = ((result_features["conv4_2"] - content_features["conv4_2"]) ** 2).mean()
    blend = np.array(options.blend or [1.0] * len(styles))
    blend = blend / blend.sum()
    layers = list(options.base or STYLE_LAYERS)
    distances = np.zeros(len(layers))
    for number, layer in enumerate(layers):
        for region, area in ((0, 0.5), (1, 0.5)) if options.splits else ((None, 1.0),):
            parts = [
                _part(features[layer], region, split)
                for features, split in zip(style_features, options.splits[1:] or blend, strict=True)
            ]
            part = _part(result_features[layer], region, options.splits[0] if options.splits else 0)
            # All paintings together, each position with the weight of its painting.
            position_weights = [
                np.full(p.shape[1], b / p.shape[1]) for b, p in zip(blend, parts, strict=True)
            ]
            target = np.concatenate(parts, axis=1), np.concatenate(position_weights)
            distances[number] += area * _distance(part, *target, relative=bool(options.base))
    w = np.array(list(options.base.values()) or [1.0] * len(layers))
    return float(content_loss), float(w @ distances / w.sum())


def _distance(result: Array, style: Array, position_weights: Array, *, relative: bool) -> float:
    """How far features (C, M) are from those of the paintings, which have a weight each."""
    if not relative:
        gram, target = result @ result.T / result.shape[1], (style * position_weights) @ style.T
        return float(((gram - target) ** 2).mean())
    covariances = np.cov(result, bias=True), np.cov(style, bias=True, aweights=position_weights)
    means = result.mean(1), style @ position_weights
    return sum(
        float(np.sum((found - target) ** 2) / np.sum(target**2)) / 2
        for found, target in (covariances, means)
    )


def _scaled(style: Image.Image, result: Image.Image, scale: float) -> Array:
    longer = round(max(result.size) * scale)
    width, height = (round(side * longer / max(style.size)) for side in style.size)
    return _read(style, (width, height))


def _read(picture: Image.Image, size: tuple[int, int]) -> Array:
    resized = picture.convert("RGB").resize(size, Image.Resampling.LANCZOS, reducing_gap=3)
    return np.asarray(resized).astype(np.float64) / 255


def _grey(pixels: Array, options: LossOptions) -> Array:
    """The pixels as they are compared: grey if only the luminance is painted."""
    return np.stack([pixels @ LUMA] * 3, axis=2) if options.color == "content" else pixels


def _recoloured(style: Array, content: Array, options: LossOptions) -> Array:
    if options.color == "content":
        s, c = _grey(style, options), content @ LUMA
        return np.array((s - s.mean()) / s.std() * c.std() + c.mean())
    if options.color == "match":
        s, c = style.reshape(-1, 3), content.reshape(-1, 3)
        root = scipy.linalg.sqrtm(np.cov(c.T)) @ np.linalg.inv(scipy.linalg.sqrtm(np.cov(s.T)))
        matched = (s - s.mean(0)) @ root.T.real + c.mean(0)
        return np.array(matched.clip(0, 1).reshape(style.shape))
    return style


def _features(
    pixels: Array, network: Mapping[str, torch.Tensor], options: LossOptions
) -> dict[str, Array]:
    """The features of every layer."""
    x = torch.tensor((pixels - MEAN).astype(np.float32)).movedim(2, 0)[None]
    features, factors = {}, iter(FACTORS)
    with torch.no_grad():
        for name in ORDER:
            if name == "P" and options.average_pooling:
                x = torch.nn.functional.avg_pool2d(x, kernel_size=2) * next(factors)
                continue
            if name == "P":
                x = torch.nn.functional.max_pool2d(x, kernel_size=2)
                continue
            layer = f"conv{name[0]}_{name[1]}"
            weight, bias = network[f"{layer}.weight"], network[f"{layer}.bias"]
            mode = "replicate" if options.replicate else "constant"
            x = torch.nn.functional.pad(x, (1, 1, 1, 1), mode=mode)
            x = torch.nn.functional.conv2d(x, weight, bias).clamp_min(0)
            features[layer] = x[0].double().numpy()
    return features


def _part(features: Array, region: int | None, split: float) -> Array:
    """All features, or those left (0) or right (1) of a split, as a matrix (C, M)."""
    if region is not None:
        column = split * features.shape[2]
        assert column == round(column), "a position would belong to both regions"
        features = np.split(features, [round(column)], axis=2)[region]
    return features.reshape(len(features), -1)
