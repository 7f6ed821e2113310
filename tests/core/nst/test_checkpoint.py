"""Checkpoints: a run resumed from one is the uninterrupted run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load, save

from core.errors import CheckpointMismatch
from core.nst import VGG19, Pictures, stylize
from core.nst.checkpoint import Request
from tests.core.nst.examples import (
    CONTENT,
    OTHER,
    PICTURES,
    STYLE,
    halves,
    small_params,
)

RESUMABLE = [
    {"optimizer": optimizer, "pyramid": "32:2", "precision": precision, "color": color}
    for optimizer in ("adam", "lbfgs")
    for precision, color in (("float32", "style"), ("bfloat16", "content"), ("int8", "match"))
]


@pytest.mark.usefixtures("bfloat16_units")
@pytest.mark.parametrize("fields", RESUMABLE, ids=str)
def test_a_resumed_run_equals_the_uninterrupted_one_bit_for_bit(
    tiny_network: VGG19, fields: dict[str, Any]
) -> None:
    params = small_params(**fields)
    checkpoints, images = [], []
    for step in stylize(PICTURES, params, tiny_network):
        checkpoints.append(step.checkpoint())
        images.append(step.image)
    assert len(images) == 11  # the start, and five steps at each of two scales
    for first, checkpoint in enumerate(checkpoints):
        resumed = list(stylize(PICTURES, params, tiny_network, resume=checkpoint))
        assert [step.step for step in resumed] == list(range(first, 11))
        for step in resumed:
            assert torch.equal(step.image, images[step.step])


def test_a_checkpoint_needs_no_float64_on_the_device(tiny_network: VGG19) -> None:
    params = small_params(optimizer="lbfgs")
    *_, last = stylize(PICTURES, params, tiny_network)
    state = Request(PICTURES, params).unpack(last.checkpoint(), torch.device("meta"))
    assert state["image"].is_meta
    moved = {tensor.dtype for tensor in state.values() if tensor.is_meta}
    assert torch.float64 not in moved


def test_a_checkpoint_is_made_of_the_tensors_themselves(tiny_network: VGG19) -> None:
    *_, last = stylize(PICTURES, small_params(optimizer="lbfgs"), tiny_network)
    pieces = last.checkpoint_pieces()
    addresses = {np.frombuffer(piece, np.uint8).ctypes.data for piece in pieces}
    pictures = [tensor for tensor in last._state.values() if tensor.numel() >= 64 * 43]
    assert len(pictures) > 2
    assert all(tensor.data_ptr() in addresses for tensor in pictures)
    stored = load(b"".join(pieces))
    assert all(torch.equal(stored[name], tensor) for name, tensor in last._state.items())


def test_a_checkpoint_of_another_version_is_refused(
    tiny_network: VGG19, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = stylize(PICTURES, small_params(), tiny_network)
    with monkeypatch.context() as older:
        older.setattr("core.nst.checkpoint._FORMAT", b"1")
        saved = next(steps).checkpoint()
    with pytest.raises(CheckpointMismatch, match="another version of Easel; start without it"):
        next(stylize(PICTURES, small_params(), tiny_network, resume=saved))


HALVES = [halves(picture.size) for picture in (CONTENT, STYLE)]


@pytest.mark.parametrize(
    ("pictures", "fields"),
    [
        (PICTURES, {"size": 80}),
        (PICTURES, {"optimizer": "lbfgs"}),
        (PICTURES, {"steps": 4}),
        (PICTURES, {"pyramid": "32:2"}),
        (PICTURES, {"seed": 1}),
        (PICTURES, {"style_weight": 101}),
        (Pictures(OTHER, [STYLE]), {}),
        (Pictures(CONTENT, [OTHER]), {}),
        (Pictures(CONTENT, [STYLE, OTHER]), {}),
        (Pictures(CONTENT, [STYLE.transpose(Image.Transpose.FLIP_TOP_BOTTOM)]), {}),
        (Pictures(CONTENT, [STYLE], None, HALVES[0], HALVES[1:]), {}),
    ],
)
def test_a_checkpoint_of_another_request_is_an_error(
    tiny_network: VGG19, pictures: Pictures, fields: dict[str, Any]
) -> None:
    checkpoint = next(stylize(PICTURES, small_params(), tiny_network)).checkpoint()
    with pytest.raises(
        CheckpointMismatch,
        match="other pictures or parameters",
    ):
        next(stylize(pictures, small_params(**fields), tiny_network, resume=checkpoint))


def test_a_checkpoint_with_another_init_image_is_an_error(tiny_network: VGG19) -> None:
    params = small_params(init="image")
    first, second = (Pictures(CONTENT, [STYLE], init_image=each) for each in (OTHER, STYLE))
    checkpoint = next(stylize(first, params, tiny_network)).checkpoint()
    with pytest.raises(CheckpointMismatch, match="other pictures"):
        next(stylize(second, params, tiny_network, resume=checkpoint))


@pytest.mark.parametrize(
    ("data", "message"),
    [(b"junk", "cannot be read"), (save({"step": torch.tensor(3)}), "start without")],
    ids=["not safetensors", "no digest"],
)
def test_data_that_is_not_a_checkpoint_is_an_error(
    tiny_network: VGG19, data: bytes, message: str
) -> None:
    with pytest.raises(CheckpointMismatch, match=message):
        next(stylize(PICTURES, small_params(), tiny_network, resume=data))


def test_a_resumed_run_has_the_number_of_threads_that_it_began_with(
    tiny_network: VGG19,
) -> None:
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        checkpoint = next(stylize(PICTURES, small_params(), tiny_network)).checkpoint()
        torch.set_num_threads(1)
        resumed = next(stylize(PICTURES, small_params(), tiny_network, resume=checkpoint))
        assert torch.get_num_threads() == 3
        assert resumed.checkpoint() == checkpoint
    finally:
        torch.set_num_threads(threads)
