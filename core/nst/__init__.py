"""The optimiser: "A Neural Algorithm of Artistic Style" in PyTorch.

Start with ``stylize.stylize``, which reads like the paper. It knows nothing of
queues, files or settings: pictures and parameters in, a record per step out.
"""

from core.nst.devices import pick_device
from core.nst.stylize import Step, stylize
from core.nst.vgg import VGG19
from core.nst.weights import fetch_weights, load_network
from core.pictures import Pictures

__all__ = ["VGG19", "Pictures", "Step", "fetch_weights", "load_network", "pick_device", "stylize"]
