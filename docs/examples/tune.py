"""Change the strength of a painting while it is painted, in Python and without a server.

python tune.py photo.jpg painting.jpg painted.png
"""

from __future__ import annotations

import sys

import easel

content, style, painted = sys.argv[1:]

painting = easel.paint(content, style, size=128, strength=0.3)
for step in painting:
    if step.step == 20:
        painting.change(strength=0.9, style_scale=0.7)
    if step.step == 30:
        painting.finish()
step.picture().save(painted)

# The same edits paint the same picture again.
*_, again = easel.paint(content, style, size=128, strength=0.3, edits=painting.edits)
assert again.picture().tobytes() == step.picture().tobytes()
print(*painting.edits, sep="\n")  # noqa: T201 - it is a command
