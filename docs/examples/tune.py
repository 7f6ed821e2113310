"""Change the strength of a painting while it is painted, in Python and without a server.

easel weights fetch
python tune.py photo.jpg painting.jpg painted.png
"""

from __future__ import annotations

import sys

import torch
from PIL import Image

from core.nst import Pictures, load_network, stylize
from core.params import StyleParams
from core.settings.model import Settings

content, style, painted = sys.argv[1:]
pictures = Pictures(Image.open(content).convert("RGB"), [Image.open(style).convert("RGB")])
params = StyleParams(size=128, strength=0.3)

network = load_network(params.network, Settings().weights_dir, torch.device("cpu"))

run = stylize(pictures, params, network)
for step in run:
    if step.step == 20:
        run.change(strength=0.9, style_scale=0.7)
    if step.step == 30:
        run.finish()
step.picture().save(painted)

# The same edits paint the same picture again.
*_, again = stylize(pictures, params, network, edits=run.edits)
assert torch.equal(again.image, step.image)
print(*run.edits, sep="\n")  # noqa: T201 - it is a command
