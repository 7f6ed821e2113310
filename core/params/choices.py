"""The parameters that are chosen from a list, and the meaning of each choice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, TypeVar, get_args

_Choice = TypeVar("_Choice", bound=StrEnum)
_Entry = TypeVar("_Entry")

#: A convolution of VGG-19. Features are taken after its ReLU.
Layer = Literal[
    "conv1_1", "conv1_2",
    "conv2_1", "conv2_2",
    "conv3_1", "conv3_2", "conv3_3", "conv3_4",
    "conv4_1", "conv4_2", "conv4_3", "conv4_4",
    "conv5_1",
]  # fmt: skip

#: All layers, in the order of the network.
LAYERS: tuple[Layer, ...] = get_args(Layer)


def complete_table(
    choices: type[_Choice], table: Mapping[_Choice, _Entry]
) -> dict[_Choice, _Entry]:
    """Return the table as a dict, after checking that it has an entry for every choice.

    Call it where a module is imported: a choice that was added without an entry then fails at
    import, and never in a running job.

    Raises:
        TypeError: choices have no entry.
    """
    if missing := [choice.name for choice in choices if choice not in table]:
        raise TypeError(f"no entry for {', '.join(missing)} of {choices.__name__}; add one")
    return dict(table)


class Preset(StrEnum):
    """A named set of parameters, defined in ``core.params.presets``."""

    FAST = "fast"
    BALANCED = "balanced"
    FINE = "fine"
    CLASSIC = "classic"
    GATYS2015 = "gatys2015"


class Optimizer(StrEnum):
    """The algorithm that updates the pixels."""

    ADAM = "adam"  #: Adam (Kingma and Ba).
    LBFGS = "lbfgs"  #: Limited-memory BFGS, as in the paper.

    @property
    def learning_rate(self) -> float:
        """The default learning rate.

        Adam's is in pixel values from 0 to 1. L-BFGS computes its own step size and multiplies
        it by this. Departure: L-BFGS steps are 1.2 times as long, because rounding makes the
        loss look more curved than it is (bench/attempts.md).
        """
        match self:
            case Optimizer.ADAM:
                return 0.02
            case Optimizer.LBFGS:
                return 1.2

    @property
    def kept_pictures(self) -> int:
        """The number of pictures in float32, of the size of the result, kept between steps."""
        match self:
            case Optimizer.ADAM:
                return 2
            case Optimizer.LBFGS:
                return 20


class Init(StrEnum):
    """The image that the optimiser starts from."""

    CONTENT = "content"  #: The photograph.
    NOISE = "noise"  #: White noise, as in the paper.
    STYLE = "style"  #: The first style picture, stretched to the size of the result.
    IMAGE = "image"  #: An uploaded `init_image`.


class StyleStatistics(StrEnum):
    """What the style loss compares at each layer; see ``core.nst.style``."""

    COVARIANCE = "covariance"  #: Means and covariances, relative to the painting's.
    GRAM = "gram"  #: Gram matrices, as in the paper.


class Pooling(StrEnum):
    """The pooling layers of the network."""

    MAX = "max"  #: Max pooling, for which the published weights are normalised.
    AVERAGE = "average"  #: Average pooling, as in the paper, rescaled to equal mean activations.


class Padding(StrEnum):
    """The padding of the network's convolutions."""

    ZERO = "zero"  #: Zeros, as in training. Leaves a thin line along the border of the result.
    REPLICATE = "replicate"  #: The border pixels. Leaves no line, but changes the losses.


class Network(StrEnum):
    """The VGG-19 that computes the features."""

    NORMALIZED = "vgg19-normalized"  #: The weights of the paper.
    TORCHVISION = "vgg19-torchvision"  #: The weights of torchvision, normalised.

    @property
    def filename(self) -> str:
        """The file name of the weights in the cache."""
        return f"{self.value}.safetensors"


class Color(StrEnum):
    """The source of the result's colours."""

    STYLE = "style"  #: The colours of the painting, as in the paper.
    CONTENT = "content"  #: The colours of the photograph; only the luminance is stylised.
    MATCH = "match"  #: The painting is first recoloured to the photograph's colour statistics.


class Precision(StrEnum):
    """The number format of the network."""

    AUTO = "auto"  #: The fastest format that the device supports in hardware.
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    INT8 = "int8"  #: As bfloat16, but most convolutions on a CPU are in 8 bits.


class PictureFormat(StrEnum):
    """The file format of the result."""

    PNG = "png"
    JPEG = "jpeg"
    WEBP = "webp"
    TIFF = "tiff"

    @classmethod
    def _missing_(cls, value: object) -> PictureFormat | None:
        """Accept file name suffixes and media types, such as ``jpg`` and ``image/jpeg``."""
        return cls.suffixes().get(str(value).lower().removeprefix("image/").lstrip("."))

    @property
    def media_type(self) -> str:
        """The media type, such as ``image/png``."""
        return _FILE_TYPES[self].media_type

    @property
    def has_alpha(self) -> bool:
        """Whether the format stores transparency."""
        return _FILE_TYPES[self].alpha

    @property
    def has_quality(self) -> bool:
        """Whether the parameter ``quality`` applies."""
        return _FILE_TYPES[self].quality

    @property
    def max_side(self) -> int:
        """The most pixels that a side of a picture may have."""
        return _FILE_TYPES[self].max_side

    @property
    def displayable(self) -> bool:
        """Whether browsers display it. The page shows the preview of other results."""
        return _FILE_TYPES[self].displayable

    @classmethod
    def suffixes(cls) -> dict[str, PictureFormat]:
        """Map every file name suffix, without the full stop, to its format."""
        return {
            suffix: each for each, file_type in _FILE_TYPES.items() for suffix in file_type.suffixes
        }


@dataclass(frozen=True)
class _FileType:
    media_type: str
    #: The file name suffixes, without the full stop.
    suffixes: tuple[str, ...]
    #: Whether it stores transparency.
    alpha: bool
    #: Whether the parameter `quality` applies.
    quality: bool
    #: Whether browsers display it.
    displayable: bool
    #: The most pixels that a side may have: by the format, or by the library that encodes it.
    max_side: int


#: The sides of these formats are 32-bit numbers.
_LONGEST = 2**31 - 1

#: ``core.pictures.encode`` has the encoder of each format.
_FILE_TYPES = complete_table(
    PictureFormat,
    {
        PictureFormat.PNG: _FileType(
            "image/png", ("png",), alpha=True, quality=False, displayable=True, max_side=_LONGEST
        ),
        PictureFormat.JPEG: _FileType(
            "image/jpeg",
            ("jpeg", "jpg"),
            alpha=False,
            quality=True,
            displayable=True,
            max_side=65500,  # of libjpeg; the format itself has 65535
        ),
        PictureFormat.WEBP: _FileType(
            "image/webp", ("webp",), alpha=True, quality=True, displayable=True, max_side=16383
        ),
        PictureFormat.TIFF: _FileType(
            "image/tiff",
            ("tiff", "tif"),
            alpha=True,
            quality=False,
            displayable=False,
            max_side=_LONGEST,
        ),
    },
)
