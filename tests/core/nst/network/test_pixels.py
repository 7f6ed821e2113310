"""Pictures to tensors and back."""

from __future__ import annotations

import numpy as np

from core.nst.network.pixels import to_picture, to_tensor
from tests.core.nst.examples import CONTENT, CPU


def test_a_picture_converted_to_a_tensor_and_back_is_unchanged() -> None:
    image = to_tensor(CONTENT, CONTENT.size, CPU)
    assert image.shape == (1, 3, CONTENT.height, CONTENT.width)
    assert np.array_equal(np.asarray(to_picture(image)), np.asarray(CONTENT))
