"""The usual loop, which ``bench.speed`` compares Easel with. Do not make it faster.

VGG-19 in float32, contiguous tensors, autograd, and Adam from the content picture, with every step
at full size. It shares no code with ``core.nst``. Its losses are those of docs/algorithm.md, so
both minimise the same objective.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

MEAN = torch.tensor([123.68, 116.779, 103.939]).view(1, 3, 1, 1) / 255
BLOCKS = ((1, 2), (2, 2), (3, 4), (4, 4), (5, 1))
STYLE_LAYERS = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
CONTENT_LAYER = "conv4_2"
#: Reaches a lower loss than 0.05 in 300 steps at 128 pixels; smaller rates were not tried.
LEARNING_RATE = 0.02
STEPS = 300
#: The weight of the style loss relative to the content loss.
STYLE_WEIGHT = 20.0


class VGG(nn.Module):
    """Convolutions and ReLUs up to conv5_1, with max pooling in between."""

    mean: Tensor

    def __init__(self, weights: Path) -> None:
        super().__init__()
        self.register_buffer("mean", MEAN)
        tensors = load_file(weights)
        self.convolutions = nn.ModuleDict()
        for block, count in BLOCKS:
            for number in range(1, count + 1):
                name = f"conv{block}_{number}"
                weight = tensors[f"{name}.weight"]
                convolution = nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=1)
                convolution.weight.data = weight
                convolution.bias.data = tensors[f"{name}.bias"]  # type: ignore[union-attr]
                self.convolutions[name] = convolution
        self.requires_grad_(False)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Return the features of every layer."""
        features = {}
        x = image - self.mean
        for name, convolution in self.convolutions.items():
            if name.endswith("_1") and name != "conv1_1":
                x = nn.functional.max_pool2d(x, 2)
            x = nn.functional.relu(convolution(x))
            features[name] = x
        return features


def gram(features: Tensor) -> Tensor:
    F = features.flatten(2).squeeze(0)
    return F @ F.T / F.shape[1]


class Loop:
    """The image, changed by one step at a time.

    Args:
        weights: the safetensors file of the network.
        content, style: shape (1, 3, H, W), RGB in [0, 1]. The loop runs on their device.
        alpha, beta: the weights of the content and the style loss.
    """

    def __init__(
        self, weights: Path, content: Tensor, style: Tensor, alpha: float, beta: float
    ) -> None:
        self.vgg = VGG(weights).to(content.device)
        self.alpha, self.beta = alpha, beta
        with torch.no_grad():
            self.P = self.vgg(content)[CONTENT_LAYER]
            self.A = {name: gram(self.vgg(style)[name]) for name in STYLE_LAYERS}
        self.image = content.clone().requires_grad_()
        self.adam = torch.optim.Adam([self.image], lr=LEARNING_RATE)

    def losses(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the total, the content loss and the style loss."""
        F = self.vgg(image)
        content = ((F[CONTENT_LAYER] - self.P) ** 2).mean()
        style = sum(((gram(F[name]) - self.A[name]) ** 2).mean() for name in STYLE_LAYERS) / 5
        return self.alpha * content + self.beta * style, content, torch.as_tensor(style)

    def step(self) -> None:
        """Make one step."""
        self.adam.zero_grad()
        total, _, _ = self.losses(self.image)
        total.backward()  # type: ignore[no-untyped-call]
        self.adam.step()
        with torch.no_grad():
            self.image.clamp_(0, 1)
