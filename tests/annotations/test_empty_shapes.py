"""Shapes that cover no pixel of their photograph."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from segdrone.annotations.empty_shapes import may_cover
from segdrone.annotations.shapes import Shape, box, rasterize
from tests.annotations.conftest import imported, photograph
from tests.annotations.test_coco import annotation, coco


@pytest.mark.parametrize(
    ("outline", "is_relative", "expected"),
    [
        (box(0, 0, 1, 1), False, True),
        (box(0.6, 0.6, 1.4, 1.4), False, False),  # between centers
        (box(-9, -9, 0.4, 50), False, False),
        (box(-9, -9, 0.6, 0.6), False, True),
        (box(39.6, 0, 60, 30), False, False),
        (box(39.4, 0, 60, 30), False, True),
        (box(0.1, 0.1, 0.4, 0.4), False, False),  # shares
        (box(0.1, 0.1, 0.4, 0.4), True, True),
        (box(1, 1, 1.5, 1.5), True, False),  # pixels
        (np.empty((0, 2)), False, False),
    ],
)
def test_an_outline_with_a_center_of_a_pixel_may_cover_it(
    outline: np.ndarray, is_relative: bool, expected: bool
) -> None:
    shape = Shape("car", "a.json", [outline], is_relative=is_relative)
    assert may_cover(shape, (30, 40)) is expected
    assert (rasterize([shape], (30, 40), {"car": 0}, 255) == 0).any() == expected


def test_shapes_that_cover_no_pixel_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "in"
    photograph(folder / "deep" / "a.png")
    inside, shares = [10, 10, 50, 10, 50, 40], [0.1, 0.1, 0.4, 0.1, 0.4, 0.4]
    coco(folder / "a.json", annotation(1, [inside]))
    imported(folder, tmp_path / "out")
    assert "no pixel" not in caplog.text
    path = coco(folder / "a.json", annotation(1, [inside]), annotation(90, [shares]))
    imported(folder, tmp_path / "out")
    assert f"1 shapes cover no pixel, {path}: annotations[1].segmentation first" in caplog.text
