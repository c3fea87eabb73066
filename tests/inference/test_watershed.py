from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from segdrone.inference import watershed as module
from segdrone.inference.watershed import watershed_refine
from segdrone.raster.decode import read_image
from tests.helpers.drawn_masks import patchwork
from tests.helpers.image_files import read_mask


def photograph(mask: NDArray[np.uint8], seed: int = 0) -> NDArray[np.uint8]:
    """Each class has its own gray value, with some noise."""
    noise = np.random.default_rng(seed).normal(0, 4, (*mask.shape, 3))
    return np.clip(40 + 60 * mask[..., None].astype(float) + noise, 0, 255).astype(np.uint8)


def disc(radius: int, column: int = 40) -> NDArray[np.uint8]:
    mask = np.zeros((80, 80), np.uint8)
    cv2.circle(mask, (column, 40), radius, 1, cv2.FILLED)
    return mask


@pytest.mark.parametrize("drawn", [disc(22), disc(16), disc(20, column=43)])
def test_borders_move_onto_the_edges(drawn: NDArray[np.uint8]) -> None:
    truth = disc(20)
    before, after = (drawn != truth).sum(), (watershed_refine(drawn, photograph(truth), 5, 2) != truth).sum()
    assert before > 200 and after < 0.2 * before


def test_a_correct_border_stays() -> None:
    truth = disc(20)
    moved = (watershed_refine(truth, photograph(truth), 5, 2) != truth).sum()
    assert moved < 0.5 * (2 * np.pi * 20)  # half a pixel


@settings(deadline=None, max_examples=60)
@given(patchwork(classes=4), st.integers(1, 5), st.integers(0, 10**6))
def test_borders_move_no_farther_and_all_classes_stay(mask: NDArray[np.uint8], reach: int, seed: int) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (*mask.shape, 3), np.uint8)
    refined = watershed_refine(mask, image, reach, 4)
    assert {*np.unique(refined)} == {*np.unique(mask)}
    for row, column in np.argwhere(refined != mask):
        near = mask[max(row - reach, 0) : row + reach + 1, max(column - reach, 0) : column + reach + 1]
        assert refined[row, column] in near


def test_a_border_moves_up_to_the_reach() -> None:
    wall, truth = np.zeros((20, 60), np.uint8), np.zeros((20, 60), np.uint8)
    wall[:, 30:], truth[:, 34:] = 1, 1
    assert (watershed_refine(wall, photograph(truth), 4, 2) == truth).mean() > 0.98
    short = watershed_refine(wall, photograph(truth), 3, 2)
    assert not short[:, :27].any() and short[:, 33:].all()


def test_thin_and_small_components_keep_all_their_pixels() -> None:
    mask = np.zeros((60, 60), np.uint8)
    cv2.line(mask, (5, 2), (55, 20), 1, 2)
    mask[40, 30], mask[50:53, 10:13] = 2, 3
    refined = watershed_refine(mask, photograph(np.zeros_like(mask)), 4, 4)
    assert (refined[mask > 0] == mask[mask > 0]).all()


def test_ignored_pixels_stay_and_stop_no_border() -> None:
    truth, drawn = disc(20), disc(23)
    drawn[:, 60:] = 255
    refined = watershed_refine(drawn, photograph(truth), 5, 2)
    np.testing.assert_array_equal(refined == 255, drawn == 255)
    assert (refined != truth)[:, :58].sum() < 40


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (2, 2)])
def test_the_smallest_masks_are_refined(size: tuple[int, int]) -> None:
    mask = np.random.default_rng(0).integers(0, 3, size, np.uint8)
    np.testing.assert_array_equal(watershed_refine(mask, photograph(mask), 2, 3), mask)


def test_blocks_make_no_difference(all_scenes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = sorted((all_scenes / "original_images").iterdir())[0]
    image = read_image(path)
    truth = read_mask(all_scenes / "label_images_semantic" / f"{path.stem}.png")
    coarse = np.asarray(cv2.resize(truth[::4, ::4], truth.shape[::-1], interpolation=cv2.INTER_NEAREST), np.uint8)
    whole = watershed_refine(coarse, image, 1, 23)
    assert (whole != coarse).mean() > 0.02
    monkeypatch.setattr(module, "_BLOCK", 13)
    np.testing.assert_array_equal(watershed_refine(coarse, image, 1, 23), whole)
