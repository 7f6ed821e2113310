"""Paint pairs with neural-style-pt: ``python -m bench.look.peer PAIRS --python FILE --out FOLDER``.

neural-style-pt (ProGamerGov, MIT licence; the package ``neural-style`` 0.5.7) is J. Johnson's
neural-style in PyTorch. It is no dependency of Easel, and runs in an environment of its own, whose
Python the command line names. It gets Easel's network, converted to the input and the scale of the
network that its settings were chosen for.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from bench.look.measures import measure
from bench.look.pairs import Pair, read_pairs, read_picture
from bench.look.records import Folder
from core.nst import load_network, pick_device
from core.params import LAYERS, Layer, Network
from core.settings.model import Settings

#: Its own number of iterations.
ITERATIONS = 1000
#: Its two recipes in the records.
OWN_SETTINGS, EQUAL_TIME = "neural-style", "neural-style-equal-time"

_MODEL = "vgg19.pth"  # it finds the architecture by the file's name
_PROBE = 6

#: The numbers of conv1_1 to conv5_1 in its network.
_NUMBERS = dict(zip(LAYERS, (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28), strict=True))

#: The mean activations of the network that its weights (content 5, style 100, TV 0.001) were chosen
#: for, relative to the normalised one. The file of the normalised network does not contain them.
#: They are what makes the losses at the mean pixel those of iteration 1 in neural-style-pt's
#: ``INSTALL.md`` (content 1616196; style 29891, 658039, 145284, 11347409 and 563): the geometric
#: mean over sixteen pictures at 512. One picture differs from it by a fifth.
ACTIVATIONS: Mapping[Layer, float] = {
    "conv1_1": 19.3,
    "conv2_1": 71.9,
    "conv3_1": 64.7,
    "conv4_1": 325.0,
    "conv4_2": 237.5,
    "conv5_1": 25.1,
}


def convert(
    weights: Mapping[str, Tensor], activations: Mapping[Layer, float] = ACTIVATIONS
) -> dict[str, Tensor]:
    """Return the weights under the names and for the input of neural-style-pt.

    Args:
        weights: as for :class:`core.nst.VGG19`, for RGB from 0 to 1 less the mean.
        activations: multiplies the features of a layer; 1 for layers that are not named. The next
            layer takes it back, because ReLU and max pooling commute with a positive factor.

    Returns:
        ``features.<number>.weight`` and ``.bias``, for BGR from 0 to 255 less the mean.
    """
    converted, before = {}, 255.0
    for layer in LAYERS:
        own = activations.get(layer, 1.0)
        number = _NUMBERS[layer]
        converted[f"features.{number}.weight"] = weights[f"{layer}.weight"] * (own / before)
        converted[f"features.{number}.bias"] = weights[f"{layer}.bias"] * own
        before = own
    converted["features.0.weight"] = converted["features.0.weight"].flip(1)  # RGB to BGR
    return converted


@dataclass(frozen=True)
class Peer:
    """neural-style-pt in an environment of its own.

    Args:
        python: the interpreter of that environment.
        folder: for the converted network and for pictures.
    """

    python: Path
    folder: Path

    def prepare(self, weights: Path) -> None:
        """Write the network that it loads."""
        torch.save(convert(load_file(weights)), self.folder / _MODEL)

    def paint(self, pair: Pair, size: int, iterations: int) -> tuple[Image.Image, float]:
        """Return a picture, and the seconds of all iterations without loading and setting up.

        All settings are its own except the seed.
        """
        result = self.folder / f"peer-{os.getpid()}.png"
        options = {
            "content_image": pair.content.resolve(),
            "style_image": pair.style.resolve(),
            "image_size": size,
            "num_iterations": iterations,
            "model_file": _MODEL,
            "gpu": "c",
            "seed": 0,
            "print_iter": 1,
            "save_iter": 0,
            "output_image": result.name,
        }
        words = [word for name, value in options.items() for word in (f"-{name}", str(value))]
        # The network ends at conv5_1: -disable_check.
        command = [str(self.python), "-m", "neural_style.neural_style", "-disable_check", *words]
        times = self._times(command)
        if len(times) < 2:
            raise RuntimeError(f"{self.python} made {len(times)} iterations; expected {iterations}")
        picture = read_picture(result)
        result.unlink()
        return picture, (times[-1] - times[0]) * len(times) / (len(times) - 1)

    def _times(self, command: Sequence[str]) -> list[float]:
        """Run the program, and return the clock at the end of every iteration."""
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        with subprocess.Popen(
            command, cwd=self.folder, stdout=subprocess.PIPE, text=True, env=environment
        ) as process:
            assert process.stdout is not None
            lines = (line for line in process.stdout if line.startswith("Iteration "))
            times = [time.perf_counter() for _ in lines]
        if process.returncode:
            raise RuntimeError(f"{self.python} ended with status {process.returncode}")
        return times


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m bench.look.peer", description=__doc__)
    parser.add_argument("pairs", type=Path, help="a file as for bench.look")
    parser.add_argument("--python", type=Path, required=True, help="of its environment")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument(
        "--as-long-as", help="make as many iterations as fit into the time of this recipe in --out"
    )
    parser.add_argument("--side", type=int, default=256, help="the size to measure at")
    parser.add_argument("--out", type=Path, default=Path(".bench/look"), help="as for bench.look")
    options = parser.parse_args()
    folder, weights = Folder(options.out), Settings().weights_dir
    peer = Peer(options.python.absolute(), folder.path.resolve())
    peer.prepare(weights / Network.NORMALIZED.filename)
    network = load_network(Network.NORMALIZED, weights, pick_device())
    recipe = OWN_SETTINGS if options.as_long_as is None else EQUAL_TIME
    for pair in read_pairs(options.pairs):
        if folder.find(pair, recipe, options.size) is not None:
            continue
        iterations = ITERATIONS
        if options.as_long_as is not None:
            model = folder.find(pair, options.as_long_as, options.size)
            if model is None or model.seconds is None:
                sys.exit(
                    f"{folder.path} has no {options.as_long_as} of {pair.name}; paint it first"
                )
            _, probe = peer.paint(pair, options.size, _PROBE)
            iterations = iterations_within(model.seconds, probe / _PROBE)
        picture, seconds = peer.paint(pair, options.size, iterations)
        originals = read_picture(pair.content), read_picture(pair.style)
        found = measure(picture, *originals, network, options.side)
        folder.add(pair, recipe, options.size, seconds, picture, asdict(found))
        print(f"{pair.name}: {iterations} iterations in {seconds:.1f} s", flush=True)


def iterations_within(seconds: float, per_iteration: float) -> int:
    """Return how many iterations fit into a time; the program needs two at least."""
    return max(2, round(seconds / per_iteration))


if __name__ == "__main__":
    main()
