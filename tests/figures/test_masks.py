"""Masks in class colors."""

from __future__ import annotations

import numpy as np

from segdrone.figures import colorize, highlight, overlay
from tests.helpers.figures import TABLE, share_of


def test_colorize_uses_the_colors_of_the_table_and_white_for_ignored_pixels() -> None:
    mask = np.array([[0, 1], [2, 255]], np.uint8)
    colours = colorize(mask, TABLE)
    assert colours.dtype == np.uint8
    assert colours.tolist() == [[[200, 10, 40], [10, 180, 60]], [[20, 60, 220], [255, 255, 255]]]


def test_overlay_blends_inside_a_region_and_draws_its_border_opaque() -> None:
    mask = np.zeros((9, 12), np.uint8)
    mask[:, 6:] = 1
    laid_over = overlay(np.full((9, 12, 3), 100, np.uint8), mask, TABLE, opacity=0.5)
    for column, class_id in ((2, 0), (9, 1)):
        expected = [(100 + channel) / 2 for channel in TABLE.colours[class_id]]
        np.testing.assert_allclose(laid_over[:, column].astype(int), [expected] * 9, atol=0.5)
    assert (laid_over[:, 5] == TABLE.colours[0]).all()
    assert (laid_over[:, 6] == TABLE.colours[1]).all()


def test_overlay_hatches_ignored_pixels() -> None:
    laid_over = overlay(np.full((64, 64, 3), 100, np.uint8), np.full((64, 64), 255, np.uint8), TABLE)
    assert share_of(laid_over, (255, 255, 255)) == 3 / 8
    assert share_of(laid_over, (100, 100, 100)) == 5 / 8


def test_some_pixels_are_shown_on_a_pale_image() -> None:
    image = np.zeros((2, 3, 3), np.uint8)
    image[:, 1] = 255
    where = np.array([[True, False, False], [False, False, False]])
    shown = highlight(image, np.full((2, 3, 3), (1, 2, 3), np.uint8), where)
    assert shown[0, 0].tolist() == [1, 2, 3]
    assert shown[~where].min() >= 160 and shown[1, 1, 0] > shown[1, 0, 0]
