"""Light, color and sharpness of a photograph: values by hand, and their direction under known changes."""

from __future__ import annotations

import io
import math

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from segdrone.inference.image_statistics import IMAGE_STATISTICS, image_statistics, reduction
from segdrone.synthetic.scene import render_scene

Pixels = NDArray[np.uint8]
SCENE = render_scene(256, 384, 5).image


def measure(pixels: Pixels, valid: NDArray[np.bool_] | None = None) -> dict[str, float]:
    return image_statistics(pixels, np.ones(pixels.shape[:2], bool) if valid is None else valid)


def jpeg(pixels: Pixels, quality: int) -> Pixels:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def test_every_statistic_is_measured_and_finite() -> None:
    values = measure(SCENE)
    assert [*values] == [*IMAGE_STATISTICS]
    assert all(math.isfinite(value) for value in values.values())


def test_two_halves_of_known_gray() -> None:
    pixels = np.full((32, 32, 3), 51, np.uint8)
    pixels[:, 16:] = 204
    values = measure(pixels)
    assert values["brightness"] == pytest.approx(0.5)
    assert (values["brightness_q05"], values["brightness_q95"]) == (51 / 255, 204 / 255)
    assert values["contrast"] == pytest.approx(0.3)
    # The Laplacian is +-153 beside the edge, and 0 elsewhere.
    assert values["sharpness"] == pytest.approx(0.6 * math.sqrt(2 / 32), rel=1e-5)
    assert values["relative_sharpness"] == pytest.approx(2 * math.sqrt(2 / 32), rel=1e-5)


def test_color_balance_is_the_logarithm_of_the_ratio_of_the_means() -> None:
    pixels = np.empty((20, 20, 3), np.uint8)
    pixels[...] = (200, 100, 50)
    values = measure(pixels)
    assert values["red_green"] == pytest.approx(math.log(2))
    assert values["blue_green"] == pytest.approx(-math.log(2))
    assert values["saturation"] == pytest.approx(0.75, abs=0.003)


@pytest.mark.parametrize("sigma", [3.0, 6.0, 12.0])
def test_noise_of_a_known_deviation_is_found(sigma: float) -> None:
    noise = np.random.default_rng(0).normal(128, sigma, (512, 512, 1))
    pixels = np.clip(np.rint(noise), 0, 255).astype(np.uint8).repeat(3, 2)
    assert measure(pixels)["noise"] == pytest.approx(sigma, rel=0.05)


@pytest.mark.parametrize(
    ("change", "higher", "lower"),
    [
        (lambda p: cv2.GaussianBlur(p, (0, 0), 2), [], ["sharpness", "relative_sharpness", "noise"]),
        (lambda p: (p * 0.5).astype(np.uint8), [], ["brightness", "brightness_q95", "contrast"]),
        (lambda p: np.clip(p * 1.5, 0, 255).astype(np.uint8), ["brightness", "brightness_q95"], []),
        (lambda p: jpeg(p, 10), ["blockiness"], ["noise"]),
        (lambda p: np.clip(p * [1.3, 1, 0.7], 0, 255).astype(np.uint8), ["red_green", "saturation"], ["blue_green"]),
        (lambda p: p.mean(2, keepdims=True).repeat(3, 2).astype(np.uint8), [], ["saturation"]),
        (
            lambda p: np.clip(p + np.random.default_rng(0).normal(0, 10, p.shape), 0, 255).astype(np.uint8),
            ["noise", "relative_sharpness"],
            [],
        ),
    ],
)
def test_changes_move_the_statistics_that_they_should(change: object, higher: list[str], lower: list[str]) -> None:
    before, after = measure(SCENE), measure(np.asarray(change(SCENE), np.uint8))  # type: ignore[operator]
    assert [name for name in higher if after[name] <= before[name]] == []
    assert [name for name in lower if after[name] >= before[name]] == []


def test_darkening_keeps_the_relative_sharpness() -> None:
    darker = (SCENE * 0.5).astype(np.uint8)
    assert measure(darker)["relative_sharpness"] == pytest.approx(measure(SCENE)["relative_sharpness"], rel=0.1)


def test_pixels_without_data_do_not_count() -> None:
    valid = np.ones(SCENE.shape[:2], bool)
    valid[:, :100] = False
    pixels = np.where(valid[..., None], SCENE, 255).astype(np.uint8)
    outside = ("blockiness",)  # blocks begin elsewhere in the part
    measured, expected = measure(pixels, valid), measure(np.ascontiguousarray(SCENE[:, 100:]))
    same = [name for name in measured if name not in outside and "sharp" not in name]
    assert [measured[name] for name in same] == pytest.approx([expected[name] for name in same])
    assert measured["sharpness"] == pytest.approx(expected["sharpness"], rel=0.05)
    assert measure(pixels, np.zeros_like(valid)) == {}


def test_large_photographs_are_measured_on_a_reduced_copy() -> None:
    large = SCENE.repeat(8, 0).repeat(8, 1)
    assert reduction(large.shape) == 3
    values, expected = measure(large), measure(SCENE)
    for name in ("brightness", "contrast", "saturation", "red_green"):
        assert values[name] == pytest.approx(expected[name], abs=0.01)


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (7, 9), (2000, 701), (1, 1_000_003)])
def test_every_size_is_measured(size: tuple[int, int]) -> None:
    values = measure(np.random.default_rng(0).integers(0, 256, (*size, 3)).astype(np.uint8))
    assert all(math.isfinite(value) for value in values.values())
    assert len(values) == len(IMAGE_STATISTICS)


def test_noise_and_blocks_are_those_of_pixels_with_data() -> None:
    pixels = jpeg(SCENE, 10).copy()
    whole, valid = measure(pixels[:, :96]), np.zeros(pixels.shape[:2], bool)
    valid[:, :96] = True
    pixels[:, 96:] = 0  # three quarters have no data
    values = measure(pixels, valid)
    for name in ("noise", "blockiness"):
        assert values[name] == pytest.approx(whole[name], rel=0.05)


def test_a_center_without_data_tells_nothing_of_noise() -> None:
    valid = np.ones((1200, 1200), bool)
    valid[80:1120, 80:1120] = False
    values = measure(np.full((1200, 1200, 3), 90, np.uint8), valid)
    assert [*values] == [name for name in IMAGE_STATISTICS if name not in ("noise", "blockiness")]
