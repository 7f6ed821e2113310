"""The parameters that are chosen from a list, with what each choice means."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, get_args

#: A convolution of VGG-19; its features are taken after the ReLU.
Layer = Literal[
    "conv1_1", "conv1_2",
    "conv2_1", "conv2_2",
    "conv3_1", "conv3_2", "conv3_3", "conv3_4",
    "conv4_1", "conv4_2", "conv4_3", "conv4_4",
    "conv5_1",
]  # fmt: skip

#: The same, in the network's order.
LAYERS: tuple[Layer, ...] = get_args(Layer)


class Preset(StrEnum):
    """Named sets of parameters, in ``core.params.presets``."""

    FAST = "fast"  #: A first impression.
    BALANCED = "balanced"  #: The default.
    FINE = "fine"  #: More steps, for a print.
    GATYS2015 = "gatys2015"  #: The paper's own recipe.


class Optimizer(StrEnum):
    """How the pixels change."""

    ADAM = "adam"  #: Kingma and Ba.
    LBFGS = "lbfgs"  #: Limited-memory BFGS, as in the paper.


class Init(StrEnum):
    """What the optimiser starts from."""

    CONTENT = "content"  #: The photograph.
    NOISE = "noise"  #: White noise, as in the paper.
    STYLE = "style"  #: The first style picture, stretched to the result.
    IMAGE = "image"  #: An uploaded `init_image`.


class Pooling(StrEnum):
    """How the network's layers are pooled."""

    MAX = "max"  #: What the published weights are normalised for.
    AVERAGE = "average"  #: The paper's preference, rescaled to the same mean activations.


class Padding(StrEnum):
    """What the network sees beyond the picture's border."""

    ZERO = "zero"  #: Nothing, as it was trained; leaves a thin line along the border.
    REPLICATE = "replicate"  #: The border's own pixels; no line, but other losses.


class Network(StrEnum):
    """Which VGG-19 looks at the pictures."""

    NORMALIZED = "vgg19-normalized"  #: The paper's own.
    TORCHVISION = "vgg19-torchvision"  #: Trained anew by torchvision, then normalised.

    @property
    def filename(self) -> str:
        """The name of its weights in the cache."""
        return f"{self.value}.safetensors"


class Color(StrEnum):
    """Whose colours the result has."""

    STYLE = "style"  #: The painting's, as in the paper.
    CONTENT = "content"  #: The photograph's: only the luminance is painted.
    MATCH = "match"  #: The photograph's on the whole: the painting is recoloured first.


class Precision(StrEnum):
    """What the network computes in."""

    AUTO = "auto"  #: The fastest that the device has units for.
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    INT8 = "int8"  #: As bfloat16, but most convolutions on a CPU are in 8 bits.


class PictureFormat(StrEnum):
    """The file format of the result."""

    PNG = "png"
    JPEG = "jpeg"
    WEBP = "webp"
    TIFF = "tiff"
