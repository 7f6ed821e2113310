"""The optimiser as a whole, with a tiny network."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from core.errors import CheckpointMismatch, InvalidRequest, LossNotFinite
from core.nst import VGG19, Step, pick_device, stylize
from core.nst.losses import gram
from core.nst.objective import STYLE_LAYERS
from core.nst.tensors import to_picture, to_tensor
from core.params import StyleParams
from tests.conftest import photo, random_weights

CPU = torch.device("cpu")
CONTENT, STYLE = photo(96, 64, seed=1), photo(80, 70, seed=2)


def run(network: VGG19, **params: object) -> list[Step]:
    given = StyleParams.model_validate({"size": 64, "steps": 5, **params})
    return list(stylize(CONTENT, [STYLE], given, network))


def test_it_starts_at_the_content_and_yields_a_record_per_update(tiny_network: VGG19) -> None:
    steps = stylize(CONTENT, [STYLE], StyleParams(size=64, steps=5), tiny_network)
    first = next(steps)
    assert (first.step, first.steps, first.width, first.height) == (0, 5, 64, 43)
    assert float(first.loss.content) == 0
    resized = CONTENT.resize((64, 43), Image.Resampling.LANCZOS)
    assert np.array_equal(np.asarray(first.picture()), np.asarray(resized))
    assert [step.step for step in steps] == [1, 2, 3, 4, 5]


def test_the_objective_falls(tiny_network: VGG19) -> None:
    losses = [float(step.loss.total) for step in run(tiny_network, steps=40)]
    assert losses[-1] < 0.5 * losses[0]


def test_the_losses_are_those_of_the_picture_in_the_same_record(tiny_network: VGG19) -> None:
    # Written out anew from the definition, for the picture that is handed over.
    last = run(tiny_network, content_weight=3, style_weight=50)[-1]
    layers = ["conv4_2", *STYLE_LAYERS]
    image = last.image.double()
    double = VGG19({name: w.double() for name, w in random_weights(seed=0).items()})
    double._mean = double._mean.double()
    found = double.features(image, layers)
    content = double.features(to_tensor(CONTENT, (64, 43), CPU).double(), layers)
    style = double.features(to_tensor(STYLE, (64, 56), CPU).double(), layers)
    content_term = (found["conv4_2"] - content["conv4_2"]).square().mean()
    style_term = sum(
        (gram(found[layer]) - gram(style[layer])).square().mean() / 5 for layer in STYLE_LAYERS
    )
    assert float(last.loss.content) == pytest.approx(float(content_term), rel=1e-4)
    assert float(last.loss.style) == pytest.approx(float(style_term), rel=1e-4)
    assert float(last.loss.total) == pytest.approx(float(3 * content_term + 50 * style_term), 1e-4)


def test_adams_first_steps_are_those_of_its_paper(tiny_network: VGG19) -> None:
    # Kingma and Ba, algorithm 1, written by hand, with the clamp that follows.
    steps = list(_images(tiny_network, steps=3))
    from core.nst.objective import Objective

    content, style = to_tensor(CONTENT, (64, 43), CPU), to_tensor(STYLE, (64, 56), CPU)
    objective = Objective(tiny_network, content, [style], StyleParams())
    x, m, v = content.clone(), torch.zeros_like(content), torch.zeros_like(content)
    for t in range(1, 4):
        x.requires_grad_()
        (g,) = torch.autograd.grad(objective(x).total, x)
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g**2
        update = 0.02 * (m / (1 - 0.9**t)) / ((v / (1 - 0.999**t)).sqrt() + 1e-8)
        x = (x.detach() - update).clamp(0, 1)
        torch.testing.assert_close(steps[t], x, rtol=0, atol=1e-4)


def _images(network: VGG19, steps: int) -> list[torch.Tensor]:
    params = StyleParams(size=64, steps=steps)
    return [step.image.clone() for step in stylize(CONTENT, [STYLE], params, network)]


def test_the_picture_stays_in_the_range_of_colours(tiny_network: VGG19) -> None:
    image = run(tiny_network, learning_rate=1)[-1].image
    assert float(image.min()) >= 0
    assert float(image.max()) <= 1


def test_the_same_request_gives_the_same_picture(tiny_network: VGG19) -> None:
    first, second = run(tiny_network)[-1], run(tiny_network)[-1]
    assert torch.equal(first.image, second.image)


@pytest.mark.parametrize("at", [0, 1, 4, 7])
def test_a_resumed_run_equals_the_uninterrupted_one_bit_for_bit(
    tiny_network: VGG19, at: int
) -> None:
    params = StyleParams(size=64, steps=7)
    checkpoints, pictures = [], []
    for step in stylize(CONTENT, [STYLE], params, tiny_network):
        checkpoints.append(step.checkpoint())
        pictures.append(step.image.clone())
    resumed = stylize(CONTENT, [STYLE], params, tiny_network, resume=checkpoints[at])
    for number, step in enumerate(resumed, start=at):
        assert step.step == number
        assert torch.equal(step.image, pictures[number])


def test_a_checkpoint_of_another_request_is_refused(tiny_network: VGG19) -> None:
    small = next(stylize(CONTENT, [STYLE], StyleParams(size=64), tiny_network)).checkpoint()
    with pytest.raises(CheckpointMismatch, match="start anew"):
        next(stylize(CONTENT, [STYLE], StyleParams(size=80), tiny_network, resume=small))
    with pytest.raises(CheckpointMismatch, match="cannot be read"):
        next(stylize(CONTENT, [STYLE], StyleParams(size=64), tiny_network, resume=b"junk"))


def test_several_styles_share_the_target_equally(tiny_network: VGG19) -> None:
    from core.nst.objective import Objective

    a, b = to_tensor(STYLE, (64, 56), CPU), to_tensor(photo(64, 48, seed=3), (64, 48), CPU)
    content = to_tensor(CONTENT, (64, 43), CPU)
    both = Objective(tiny_network, content, [a, b], StyleParams())
    layer = "conv3_1"
    grams = [gram(tiny_network.features(style, [layer])[layer]) for style in (a, b)]
    torch.testing.assert_close(both._A[layer], (grams[0] + grams[1]) / 2)


def test_without_style_weight_the_content_is_already_best(tiny_network: VGG19) -> None:
    last = run(tiny_network, style_weight=0)[-1]
    assert float(last.loss.total) == 0
    resized = CONTENT.resize((64, 43), Image.Resampling.LANCZOS)
    assert np.array_equal(np.asarray(last.picture()), np.asarray(resized))


def test_a_loss_that_is_not_finite_is_an_error_with_a_remedy() -> None:
    broken = random_weights(seed=0)
    broken["conv1_1.bias"] = torch.full((4,), float("inf"))
    with pytest.raises(LossNotFinite, match="lower learning_rate"):
        run(VGG19(broken))


def test_a_style_too_thin_is_refused_by_name(tiny_network: VGG19) -> None:
    with pytest.raises(InvalidRequest, match="style: would be 64x3"):
        list(stylize(CONTENT, [photo(400, 20)], StyleParams(size=64), tiny_network))


def test_a_picture_survives_the_way_to_a_tensor_and_back() -> None:
    assert np.array_equal(
        np.asarray(to_picture(to_tensor(CONTENT, CONTENT.size, CPU))), np.asarray(CONTENT)
    )


def test_an_unknown_device_is_refused() -> None:
    assert pick_device("cpu") == CPU
    with pytest.raises(ValueError, match="use auto, cpu"):
        pick_device("abacus")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_cuda_where_there_is_none_is_refused_with_the_remedy() -> None:
    assert pick_device("auto") == CPU
    with pytest.raises(ValueError, match="finds no CUDA"):
        pick_device("cuda")
