"""Conversion to sRGB, compared with the arithmetic of the profiles in NumPy."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from core.pictures.icc import srgb_profile, to_srgb
from tests.core.pictures.profiles import (
    ADOBE_RGB,
    SRGB,
    Floats,
    cmyk_profile,
    grey_profile,
    lab_to_xyz,
    matrix_profile,
    srgb_levels,
)

COLORS = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
GREYS = np.arange(256, dtype=np.uint8).reshape(16, 16)


def assert_close(picture: Image.Image, expected: Floats, levels: float = 1.1) -> None:
    """Assert equality to about one level, because LittleCMS computes in integers."""
    assert picture.mode == "RGB"
    assert np.abs(np.asarray(picture) - expected).max() <= levels


@pytest.mark.parametrize(
    ("primaries", "gamma"),
    [(ADOBE_RGB, 2.2), (SRGB[:, [2, 1, 0]], 2.2), (SRGB[:, [1, 2, 0]], 1.8)],
    ids=["wide gamut", "red and blue swapped", "green first"],
)
def test_colours_are_converted_by_the_profile(primaries: Floats, gamma: float) -> None:
    picture = to_srgb(Image.fromarray(COLORS), matrix_profile(primaries, gamma))
    exact_gamma = round(gamma * 256) / 256
    expected = srgb_levels((COLORS / 255) ** exact_gamma @ primaries.T)
    assert np.abs(expected - COLORS).max() > 30, "the profile should have an effect"
    assert_close(picture, expected)


def test_srgb_colours_do_not_change() -> None:
    assert np.array_equal(np.asarray(to_srgb(Image.fromarray(COLORS), srgb_profile())), COLORS)


def test_greys_are_converted_by_a_grey_profile() -> None:
    picture = to_srgb(Image.fromarray(GREYS), grey_profile(1.8))
    light = (GREYS / 255) ** (round(1.8 * 256) / 256)
    expected = srgb_levels(light[..., np.newaxis] * SRGB.sum(axis=1))
    assert np.abs(expected[..., 0] - GREYS).max() > 10, "the profile should have an effect"
    assert_close(picture, expected, levels=1.5)


def test_cmyk_is_converted_by_the_profile() -> None:
    rng = np.random.default_rng(1)
    corners = np.column_stack([rng.integers(90, 200, 16), rng.integers(108, 149, (16, 2))])
    corners[[0, -1]] = [255, 128, 128], [0, 128, 128]  # paper is white, all inks are black
    mixtures = np.array([[255 * (i >> bit & 1) for bit in (3, 2, 1, 0)] for i in range(16)])
    inks = Image.fromarray(mixtures.astype(np.uint8).reshape(4, 4, 4), "CMYK")
    lab = corners * np.array([100 / 255, 1, 1]) - np.array([0, 128, 128])
    picture = to_srgb(inks, cmyk_profile(corners.tolist()))
    assert_close(picture, srgb_levels(lab_to_xyz(lab)).reshape(4, 4, 3), levels=1.5)


def test_cmyk_without_a_profile_is_multiplied() -> None:
    inks = np.random.default_rng(2).integers(0, 256, (20, 30, 4), dtype=np.uint8)
    paper = 1 - inks / 255
    picture = to_srgb(Image.fromarray(inks, "CMYK"), None)
    assert_close(picture, paper[..., :3] * paper[..., 3:] * 255)


def test_lab_colours_are_converted_without_a_profile() -> None:
    lab = np.random.default_rng(3).integers((80, -10, -10), (200, 11, 11), (20, 30, 3))
    picture = to_srgb(Image.fromarray(lab.astype(np.uint8), "LAB"), None)
    assert_close(picture, srgb_levels(lab_to_xyz(lab * np.array([100 / 255, 1, 1]))), levels=1.5)


def test_black_and_white_stay_black_and_white() -> None:
    bits = GREYS % 3 > 0
    expected = np.repeat(bits[..., np.newaxis] * 255.0, 3, axis=2)
    assert_close(to_srgb(Image.fromarray(bits), None), expected, levels=0)


@pytest.mark.parametrize(
    "profile",
    [b"not a profile", srgb_profile()[:200], grey_profile(1.8), cmyk_profile([[0, 128, 128]] * 16)],
    ids=["nonsense", "truncated", "grey", "cmyk"],
)
def test_an_unusable_profile_is_ignored(profile: bytes) -> None:
    assert np.array_equal(np.asarray(to_srgb(Image.fromarray(COLORS), profile)), COLORS)


def test_the_srgb_profile_is_valid_and_reproducible() -> None:
    assert srgb_profile() == srgb_profile()
    profile = ImageCms.ImageCmsProfile(io.BytesIO(srgb_profile()))
    assert "sRGB" in ImageCms.getProfileDescription(profile)
