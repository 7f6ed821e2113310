"""The optimiser: "A Neural Algorithm of Artistic Style" in PyTorch.

Start with :func:`core.nst.stylize.stylize`, which reads like the paper. Pictures and parameters
go in, a record per step comes out. Nothing here knows about queues, files or settings.
"""

from core.nst.network.devices import limit_threads, pick_device
from core.nst.network.precision import fallback_warning
from core.nst.network.vgg19 import VGG19
from core.nst.step import Step
from core.nst.stylize import Run, stylize
from core.nst.weights.files import fetch_weights, load_network
from core.pictures.bundle import Pictures

__all__ = [
    "VGG19",
    "Pictures",
    "Run",
    "Step",
    "fallback_warning",
    "fetch_weights",
    "limit_threads",
    "load_network",
    "pick_device",
    "stylize",
]
