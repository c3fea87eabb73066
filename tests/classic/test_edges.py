import numpy as np
import pytest

from segdrone.classic.edges import Edges, RegionGrowing, Watershed, gradient


def square(gap: int = 0) -> np.ndarray:
    """A dark image with the bright outline of a square, which may have a gap."""
    image = np.full((80, 80, 3), 60, np.uint8)
    image[20:60, 20:60] = 200
    image[26:54, 26:54] = 60
    image[36 : 36 + gap, 20:26] = 60
    return image


@pytest.mark.parametrize("detector", ["canny", "sobel"])
def test_edges_enclose_areas(detector: str) -> None:
    labels = Edges(detector=detector, smoothing=1, min_size=16)(square())  # type: ignore[arg-type]
    assert labels[40, 40] != labels[5, 5]


def test_gaps_of_edges_are_closed() -> None:
    open_, closed = (Edges(gap=gap, smoothing=1, min_size=16)(square(gap=8)) for gap in (0, 12))
    assert open_[40, 40] == open_[5, 5]
    assert closed[40, 40] != closed[5, 5]


def test_regions_grow_up_to_the_tolerance() -> None:
    image = np.full((40, 60, 3), 100, np.uint8)
    image[:, 30:] = 112
    assert RegionGrowing(tolerance=30, smoothing=0)(image).max() == 0
    assert RegionGrowing(tolerance=4, smoothing=0)(image)[0].tolist() == [0] * 30 + [1] * 30


def test_basins_end_at_edges_or_are_of_equal_size() -> None:
    image = np.full((40, 60, 3), 60, np.uint8)
    image[:, 30:] = 200
    along = Watershed(spacing=30, smoothing=0)(image)
    assert not {*np.unique(along[:, :29])} & {*np.unique(along[:, 31:])}
    sizes = [np.bincount(Watershed(spacing=10, compactness=c)(image).ravel()).std() for c in (0, 100)]
    assert sizes[1] < sizes[0]


def test_gradient_is_that_of_the_strongest_change() -> None:
    slope = gradient(square(), 0)
    assert slope[40, 20] > 20 > slope[5, 5] == 0
