"""Defaults, bounds, error messages and sizes of the parameters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidRequest
from core.params import MIN_SIDE, PictureFormat, Preset, StyleParams, parse_params
from core.params.choices import complete_table
from core.params.presets import PRESETS


def test_the_defaults_match_the_documentation() -> None:
    params = parse_params({})
    assert (params.size, params.strength, params.content_weight) == (512, 0.5, 1)
    assert params.style_weight is None


def test_text_fields_become_numbers() -> None:
    params = parse_params({"size": "256", "style_weight": "1e4", "format": "jpeg"})
    assert (params.size, params.style_weight, params.format) == (256, 10_000, "jpeg")


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("strength", "1.1", "less than or equal to 1"),
        ("strength", "", "valid number"),
        ("style_weight", "-1", "greater than or equal to 0"),
        ("size", "63", "greater than or equal to 64"),
        ("size", "16385", "less than or equal to 16384"),
        ("size", "big", "valid integer"),
        ("steps", "0", "greater than or equal to 1"),
        ("content_weight", "-1", "greater than or equal to 0"),
        ("style_weight", "nan", "finite"),
        ("learning_rate", "0", "greater than 0"),
        ("network", "vgg16", "'vgg19-normalized'"),
        ("format", "bmp", "'png'"),
        ("quality", "101", "less than or equal to 100"),
        ("preset", "best", "'fast', 'balanced', 'fine', 'classic' or 'gatys2015'"),
        ("optimizer", "sgd", "'adam' or 'lbfgs'"),
        ("style_layers", "conv1_1,relu4_2", "'conv1_1', 'conv1_2'"),
        ("style_layers", "conv1_1,conv1_1", "occurs twice"),
        ("style_layer_weights", "1,2", "expected 5 weights, one per style layer"),
        ("style_layer_weights", "0,0,0,0,0", "sum to 0"),
        ("style_blend", "1,-1", "greater than or equal to 0"),
        ("pyramid", "128", "match pattern"),
        ("pyramid", "16:2", "smallest scale of at least 32"),
        ("pyramid", "128:1.1", "ratio from 1.2 to 8"),
        ("color", "blue", "'style', 'content' or 'match'"),
        ("seed", "-1", "greater than or equal to 0"),
    ],
)
def test_an_error_has_the_invalid_value_and_what_was_expected(
    field: str, value: str, expected: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_params({field: value})
    (error,) = caught.value.errors
    assert error.field == field
    assert value.split(",")[-1] in error.message
    assert expected in error.message


def test_an_explicit_parameter_overrides_its_preset() -> None:
    paper = parse_params({"preset": "gatys2015"})
    assert (paper.init, paper.optimizer, paper.pooling, paper.pyramid) == (
        "noise",
        "lbfgs",
        "average",
        "off",
    )
    assert parse_params({"preset": "gatys2015", "init": "content"}).init == "content"
    assert parse_params({"preset": "balanced"}) == parse_params({})


@pytest.mark.parametrize(
    ("fields", "style_weight"),
    [
        ({}, None),
        ({"preset": "classic"}, 20),
        ({"preset": "gatys2015"}, 10),
        ({"preset": "classic", "strength": "0.5"}, None),
        ({"preset": "classic", "style_weight": None}, None),
        ({"preset": "classic", "strength": "0.5", "style_weight": "7"}, 7),
        ({"style_weight": "0"}, 0),
    ],
    ids=str,
)
def test_a_strength_replaces_the_presets_style_weight_but_not_a_given_one(
    fields: dict[str, str], style_weight: float | None
) -> None:
    params = parse_params(fields)
    assert params.style_weight == style_weight
    assert StyleParams.model_validate_json(params.model_dump_json()) == params


def test_parameters_of_an_older_record_keep_their_style_weight() -> None:
    older = StyleParams().model_dump(exclude={"strength", "style_weight"})
    assert StyleParams.model_validate({**older, "style_weight": 20.0}).style_weight == 20


@pytest.mark.parametrize("preset", Preset)
def test_resolved_parameters_survive_a_round_trip_through_json(preset: Preset) -> None:
    # A record must keep its meaning when a later version changes the presets.
    params = StyleParams.model_validate({"preset": preset, "style_layers": "conv1_1,conv2_1"})
    assert StyleParams.model_validate_json(params.model_dump_json()) == params


def test_the_learning_rate_defaults_to_that_of_the_optimizer() -> None:
    assert parse_params({"optimizer": "adam"}).learning_rate == 0.02
    assert parse_params({"optimizer": "lbfgs"}).learning_rate == 1.2
    assert parse_params({"optimizer": "adam", "learning_rate": "0.1"}).learning_rate == 0.1


def test_weights_are_normalised_to_a_sum_of_one() -> None:
    params = parse_params({"style_layers": "conv1_1, conv2_1", "style_layer_weights": "1, 3"})
    assert params.layer_weights() == {"conv1_1": 0.25, "conv2_1": 0.75}
    assert parse_params({}).layer_weights()["conv5_1"] == pytest.approx(0.2)
    assert parse_params({}).blend_weights(4) == (0.25,) * 4
    assert parse_params({"style_blend": "3,1"}).blend_weights(2) == (0.75, 0.25)


@pytest.mark.parametrize(("blend", "styles"), [("1,2", 3), ("0,0", 2), ("1", 2)])
def test_a_blend_needs_one_weight_per_style_and_a_positive_sum(blend: str, styles: int) -> None:
    with pytest.raises(InvalidRequest, match=f"style_blend: .* each of the {styles} style"):
        parse_params({"style_blend": blend}).blend_weights(styles)


def test_the_error_for_an_unknown_field_lists_the_parameters() -> None:
    with pytest.raises(InvalidRequest, match=r"colour: is not a parameter.*style_weight"):
        parse_params({"colour": "blue"})


def test_a_format_must_hold_the_size() -> None:
    assert parse_params({"size": "16383", "format": "webp"}).format == "webp"
    with pytest.raises(InvalidRequest, match="at most 16383 pixels on a side") as caught:
        parse_params({"size": "16384", "format": "webp"})
    (error,) = caught.value.errors
    assert error.field == "format"
    assert "use png, jpeg, tiff, or a smaller size" in error.message


def test_all_invalid_fields_are_reported_at_once() -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_params({"size": "1", "steps": "x", "zeal": "9"})
    assert {error.field for error in caught.value.errors} == {"size", "steps", "zeal"}


@pytest.mark.parametrize(
    ("size", "longer_side", "scaled"),
    [
        ((1024, 768), 512, (512, 384)),
        ((768, 1024), 512, (384, 512)),
        ((100, 100), 256, (256, 256)),
        ((1280, 1014), 256, (256, 203)),
        ((997, 331), 300, (300, 100)),
    ],
)
def test_the_longer_side_is_scaled_to_the_size(
    size: tuple[int, int], longer_side: int, scaled: tuple[int, int]
) -> None:
    assert StyleParams(size=longer_side).scaled_size(size, "content") == scaled


@given(st.tuples(st.integers(16, 4000), st.integers(16, 4000)), st.integers(64, 2048))
def test_scaling_keeps_the_aspect_ratio_within_half_a_pixel(
    size: tuple[int, int], longer_side: int
) -> None:
    params = StyleParams(size=longer_side)
    try:
        width, height = params.scaled_size(size, "content")
    except InvalidRequest:
        assert min(size) * longer_side / max(size) < MIN_SIDE
        return
    assert max(width, height) == longer_side
    assert abs(width / longer_side - size[0] / max(size)) <= 0.5 / longer_side + 1e-12
    assert abs(height / longer_side - size[1] / max(size)) <= 0.5 / longer_side + 1e-12


def test_the_error_for_a_too_narrow_picture_names_a_sufficient_size() -> None:
    with pytest.raises(InvalidRequest, match=r"use a size of at least 1600") as caught:
        StyleParams(size=256).scaled_size((10_000, 100), "style")
    assert caught.value.errors[0].field == "style"
    assert StyleParams(size=1600).scaled_size((10_000, 100), "style") == (1600, 16)


def test_a_table_without_an_entry_for_a_choice_fails_at_import() -> None:
    with pytest.raises(TypeError, match="no entry for GATYS2015 of Preset; add one"):
        complete_table(Preset, dict.fromkeys(list(Preset)[:-1], 0))


@pytest.mark.parametrize("preset", Preset)
def test_every_preset_has_valid_values_for_known_parameters(preset: Preset) -> None:
    params = parse_params({"preset": preset})
    assert {name: getattr(params, name) for name in PRESETS[preset]} == PRESETS[preset]


def test_suffixes_identify_the_picture_format() -> None:
    assert PictureFormat.suffixes()["jpg"] is PictureFormat.JPEG
    assert {PictureFormat.suffixes()[each.value] for each in PictureFormat} == set(PictureFormat)
