"""Measures of a stylised picture: how much content it keeps, and how much style it has.

The optimiser minimises none of them. Values depend on the network, here the paper's normalised
VGG-19, and so are comparable with each other but not with published ones.

``STYLE_EVAL`` and ``SIMPLE`` are two sets of the same three: how much content, how much of the
painting's colours and textures, and how much of its local patterns.

- CF, GE and LP: Wang, Zhao, Chen et al., "Evaluate and improve the quality of neural style
  transfer", CVIU 2021, as defined by the authors' code (EndyWon/StyleEval,
  ``quality_criteria.py``).
- CFSD: content feature structural distance, the divergence of patch self-similarities; Chung,
  Hyun and Heo, "Style Injection in Diffusion", arXiv 2312.09008, as defined by the authors' code
  (jiwoogit/StyleID, ``evaluation/image_metrics.py``).
- Edges: the structural similarity (Wang, Bovik, Sheikh and Simoncelli, 2004) of the gradient
  magnitudes of both luminances. It needs no network.
- The simple set of CF, GE and LP: the network with max pooling, as the optimiser has it;
  covariances instead of Gram matrices, at the five layers of the paper; the intersection of
  histograms (Swain and Ballard, "Color indexing", IJCV 1991); and only the closeness of patches
  (Li and Wand, "Combining Markov Random Fields and Convolutional Neural Networks", arXiv
  1601.04589).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as nn
from PIL import Image
from skimage.filters import sobel
from skimage.metrics import structural_similarity
from torch import Tensor

from core.nst import VGG19
from core.nst.network.pixels import to_tensor
from core.params import Layer, Pooling

_CONTENT_LAYERS: tuple[Layer, ...] = ("conv4_1", "conv5_1")
_GLOBAL_LAYERS: tuple[Layer, ...] = ("conv2_1", "conv3_1", "conv4_1", "conv5_1")
_LOCAL_LAYERS: tuple[Layer, ...] = ("conv3_1", "conv4_1")
_STRUCTURE_LAYER: Layer = "conv3_1"
_SIMPLE_LAYERS: tuple[Layer, ...] = ("conv1_1", *_GLOBAL_LAYERS)
_BINS = 128
_SIMPLE_BINS = 16

#: Content, global effects and local patterns, as StyleEval defines them, and simpler.
STYLE_EVAL = ("cf", "ge", "lp")
SIMPLE = ("cf_max", "ge_centred", "lp_cosine")

#: Rows of patch similarities computed at a time, to bound memory.
_ROWS = 1024


@dataclass(frozen=True)
class Measures:
    """All measures of one picture. Higher is better, except for CFSD."""

    #: Content fidelity, 0 to 1.
    cf: float
    #: Global effects: the style's colours and textures, 0 to 1.
    ge: float
    #: Local patterns: the style's brush strokes and motifs, 0 to 1.
    lp: float
    #: Content feature structural distance, 0 and above. Lower is better.
    cfsd: float
    #: Structural similarity of the edges, up to 1.
    edges: float
    #: As CF, with max pooling.
    cf_max: float
    #: As GE, with covariances and the intersection of histograms, up to 1.
    ge_centred: float
    #: As LP, without the share of the patches, up to 1.
    lp_cosine: float


def measure(
    result: Image.Image, content: Image.Image, style: Image.Image, network: VGG19, side: int
) -> Measures:
    """Return the measures of a result.

    Args:
        result: the stylised picture.
        content: the photograph.
        style: the painting.
        network: the network to look with, with max pooling. StyleEval uses average pooling.
        side: the longer side that all three are reduced to, in pixels. Results of different
            sizes are comparable at the same side.
    """
    average = network.using(pooling=Pooling.AVERAGE)
    size = _reduced_size(result, side)
    sizes = (size, size, _reduced_size(style, side))  # rounding may have changed the content's
    images = [
        to_tensor(picture.convert("RGB"), size, network.device)
        for picture, size in zip((result, content, style), sizes, strict=True)
    ]
    layers = {*_CONTENT_LAYERS, *_GLOBAL_LAYERS, *_LOCAL_LAYERS}
    with torch.no_grad():
        R, C, S = (average.features(image, layers) for image in images)
        R_max, C_max, S_max = (network.features(image, _SIMPLE_LAYERS) for image in images)
        colours = images[0], images[2]
        return Measures(
            cf=content_fidelity(R, C),
            ge=(gram_similarity(R, S) + histogram_similarity(*colours)) / 2,
            lp=local_patterns(R, S),
            cfsd=structural_distance(R_max[_STRUCTURE_LAYER], C_max[_STRUCTURE_LAYER]),
            edges=edge_similarity(*(_luminance(image) for image in images[:2])),
            cf_max=content_fidelity(R_max, C_max),
            ge_centred=(covariance_similarity(R_max, S_max) + histogram_intersection(*colours)) / 2,
            lp_cosine=patch_closeness(R_max, S_max),
        )


def content_fidelity(R: dict[Layer, Tensor], C: dict[Layer, Tensor]) -> float:
    """Return CF: the mean cosine of whole feature tensors at conv4_1 and conv5_1.

    Args:
        R, C: features of the result and the content by layer, each of shape (1, C, H, W).
    """
    return _mean(_cosine(R[layer], C[layer]) for layer in _CONTENT_LAYERS)


def gram_similarity(R: dict[Layer, Tensor], S: dict[Layer, Tensor]) -> float:
    """Return the first half of GE: the mean cosine of Gram matrices at conv2_1 to conv5_1.

    Args:
        R, S: features of the result and the style by layer, of any sizes.
    """
    return _mean(_cosine(_gram(R[layer]), _gram(S[layer])) for layer in _GLOBAL_LAYERS)


def histogram_similarity(result: Tensor, style: Tensor) -> float:
    """Return the second half of GE: the mean cosine of the histograms of red, green and blue.

    The authors' code spans the bins over the range of each picture, so that a shifted histogram
    can count as equal. Here they span 0 to 1.

    Args:
        result, style: shape (1, 3, H, W), RGB in [0, 1].
    """
    cosines = []
    for channel in range(3):
        first, second = (
            torch.histc(image[0, channel].flatten(), _BINS, 0, 1) for image in (result, style)
        )
        cosines.append(_cosine(first, second))
    return _mean(cosines)


def covariance_similarity(R: dict[Layer, Tensor], S: dict[Layer, Tensor]) -> float:
    """Return the first half of the simple GE: the mean cosine of covariances at five layers.

    Args:
        R, S: features of the result and the style by layer, of any sizes.
    """
    return _mean(_cosine(_covariance(R[layer]), _covariance(S[layer])) for layer in _SIMPLE_LAYERS)


def histogram_intersection(result: Tensor, style: Tensor) -> float:
    """Return the second half of the simple GE: the mean intersection of three histograms.

    The share of the pixels that both have in the same of 16 bins, for red, green and blue.

    Args:
        result, style: shape (1, 3, H, W), RGB in [0, 1].
    """
    shared = []
    for channel in range(3):
        first, second = (
            torch.histc(image[0, channel].flatten(), _SIMPLE_BINS, 0, 1) / image[0, channel].numel()
            for image in (result, style)
        )
        shared.append(float(torch.minimum(first, second).sum()))
    return _mean(shared)


def patch_closeness(R: dict[Layer, Tensor], S: dict[Layer, Tensor]) -> float:
    """Return the simple LP: the first part of :func:`local_patterns` alone.

    Args:
        R, S: features of the result and the style by layer, of any sizes.
    """
    closeness = []
    for layer in _LOCAL_LAYERS:
        patches, style = (_patches(F[layer]) for F in (R, S))
        closeness.append(float((patches * style[_closest(patches, style)]).sum(1).mean()))
    return _mean(closeness)


def local_patterns(R: dict[Layer, Tensor], S: dict[Layer, Tensor]) -> float:
    """Return LP: how well, and how variously, patches of the result match those of the style.

    At conv3_1 and conv4_1, the mean of two parts: the mean cosine of every 3 x 3 patch of the
    result with the closest patch of the style, and the share of the style's distinct patches that
    are the closest to some patch of the result.

    Args:
        R, S: features of the result and the style by layer, of any sizes.
    """
    return _mean(part for layer in _LOCAL_LAYERS for part in _matches(R[layer], S[layer]))


def structural_distance(R: Tensor, C: Tensor) -> float:
    """Return CFSD: the Kullback-Leibler divergence of the content's patch self-similarity.

    Args:
        R, C: features of the result and the content at conv3_1, both of shape (1, C, H, W).
    """
    log_p, q = (_self_similarity(F) for F in (R, C))
    # The authors call kl_div(log of the result, content) with a batch of one: a sum over all.
    return float(nn.kl_div(log_p, q, log_target=True, reduction="sum"))


def edge_similarity(result: np.ndarray, content: np.ndarray) -> float:
    """Return the SSIM of Sobel gradient magnitudes.

    Args:
        result, content: luminance, shape (H, W), 0 to 1.
    """
    edges = (sobel(result), sobel(content))  # type: ignore[no-untyped-call]
    return float(structural_similarity(*edges, data_range=1.0))  # type: ignore[no-untyped-call]


def _matches(R: Tensor, S: Tensor) -> tuple[float, float]:
    patches, style = _patches(R), _patches(S)
    closest = _closest(patches, style)
    cosine = (patches * style[closest]).sum(1).mean()
    distinct = set(_closest(style, style).tolist())
    return float(cosine), len(set(closest.tolist())) / len(distinct)


def _patches(F: Tensor) -> Tensor:
    """All 3 x 3 patches, each of length 1: shape (N, 9 C)."""
    return nn.normalize(nn.unfold(F, 3)[0].T, dim=1)


def _closest(patches: Tensor, style: Tensor) -> Tensor:
    """The index of the style's patch with the highest cosine for every patch, shape (N,)."""
    starts = range(0, len(patches), _ROWS)
    return torch.cat([(patches[n : n + _ROWS] @ style.T).argmax(1) for n in starts])


def _self_similarity(F: Tensor) -> Tensor:
    """Log-softmax of the products of all positions, shape (M, M)."""
    positions = F.flatten(2)[0].T / F.shape[1]  # (M, C)
    return nn.log_softmax(positions @ positions.T, dim=1)


def _gram(F: Tensor) -> Tensor:
    positions = F.flatten(2)[0]  # (C, M)
    return positions @ positions.T


def _covariance(F: Tensor) -> Tensor:
    positions = F.flatten(2)[0]  # (C, M)
    return _gram((positions - positions.mean(1, keepdim=True)).unsqueeze(0))


def _cosine(a: Tensor, b: Tensor) -> float:
    return float(nn.cosine_similarity(a.flatten(), b.flatten(), dim=0))


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))


def _luminance(image: Tensor) -> np.ndarray:
    return np.tensordot(image[0].numpy(), [0.299, 0.587, 0.114], axes=(0, 0))


def _reduced_size(picture: Image.Image, side: int) -> tuple[int, int]:
    longer = max(picture.size)
    width, height = (max(1, round(edge * side / longer)) for edge in picture.size)
    return width, height
