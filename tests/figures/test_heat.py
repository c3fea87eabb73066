from __future__ import annotations

import cv2
import numpy as np

from segdrone.figures import heat_overlay
from tests.helpers.small_dataset import photograph


def test_high_values_are_bright_and_values_cover_the_photograph() -> None:
    image = np.full((40, 60, 3), 120, np.uint8)
    drawn = heat_overlay(image, np.array([[0, 0.5, 1, 7]], np.float32)).astype(int)
    assert drawn.shape == image.shape
    brightness = drawn[:, [2, 22, 37, 57]].sum(-1).mean(0)
    assert (np.diff(brightness[:3]) > 50).all()
    assert brightness[3] == brightness[2]  # more than 1 is drawn as 1


def test_the_photograph_shows_through_in_gray() -> None:
    image = photograph(0)
    drawn = heat_overlay(image, np.zeros((2, 3), np.float32)).astype(int)
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).ravel()
    assert np.corrcoef(gray, drawn.sum(-1).ravel())[0, 1] > 0.9
    assert np.abs(drawn[..., 0] - drawn[..., 1]).max() < 3
