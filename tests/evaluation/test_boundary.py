import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segdrone.evaluation.boundary import boundary, boundary_width


def boundary_of_class(region: np.ndarray) -> np.ndarray:
    """The inner boundary of a region as the paper defines it: what erosions by 3 x 3 remove."""
    height, width = region.shape
    times = max(1, round(0.02 * float(np.hypot(height, width))))
    outside = cv2.copyMakeBorder(region.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    eroded = cv2.erode(outside, np.ones((3, 3), np.uint8), iterations=times)[1:-1, 1:-1]
    return np.asarray(region & (eroded == 0))


def test_the_boundary_is_2_percent_of_the_diagonal_wide() -> None:
    assert boundary_width(4000, 6000) == 144
    assert boundary_width(3, 4) == 1


def test_the_boundary_of_a_square() -> None:
    mask = np.zeros((30, 40), np.uint8)  # its diagonal is 50 pixels: the boundary is 1 pixel wide
    mask[10:14, 10:14] = 1
    marked = boundary(mask, 2)
    assert marked[10:14, 10:14].tolist() == [[True] * 4, [True, False, False, True]] * 1 + [
        [True, False, False, True],
        [True] * 4,
    ]
    expected = np.zeros_like(marked)
    expected[9:15, 9:15] = True
    expected[0], expected[-1], expected[:, 0], expected[:, -1] = True, True, True, True
    expected[11:13, 11:13] = False
    assert (marked == expected).all()


def test_ignored_pixels_cause_a_boundary_but_are_not_on_it() -> None:
    mask = np.zeros((30, 40), np.uint8)
    mask[10, 10] = 255
    marked = boundary(mask, 1)
    assert not marked[10, 10]
    assert marked[9:12, 9:12].sum() == 8


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 90), st.integers(1, 90), st.integers(1, 12))
def test_every_class_has_the_boundary_that_the_paper_defines(seed: int, height: int, width: int, cell: int) -> None:
    rng = np.random.default_rng(seed)
    small = rng.choice(np.array([0, 1, 2, 255], np.uint8), (height // cell + 1, width // cell + 1))
    mask = np.kron(small, np.ones((cell, cell), np.uint8))[:height, :width]
    marked = boundary(mask, 3)
    for class_id in range(3):
        assert (marked & (mask == class_id) == boundary_of_class(mask == class_id)).all()
    assert not marked[mask == 255].any()


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (50, 1), (2, 3)])
def test_the_smallest_images_are_all_boundary(size: tuple[int, int]) -> None:
    assert boundary(np.zeros(size, np.uint8), 1).all()
