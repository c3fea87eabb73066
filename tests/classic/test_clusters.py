import numpy as np

from segdrone.classic.clusters import KMeans, MeanShift, RandomWalker, Slic
from tests.helpers.classic import patches


def test_more_clusters_make_more_areas() -> None:
    image, _ = patches(2, 96, 144)
    assert KMeans(clusters=2, min_size=1)(image).max() < KMeans(clusters=12, min_size=1, smoothing=0)(image).max()


def test_superpixels_have_the_size_that_is_asked_for() -> None:
    image, _ = patches(2, 96, 144)
    for spacing in (12, 24):
        count = Slic(spacing=spacing)(image).max() + 1
        assert 0.5 < count / (96 * 144 / spacing**2) < 1.5


def test_mean_shift_joins_within_the_radius_of_color() -> None:
    image = np.full((40, 60, 3), 100, np.uint8)
    image[:, 30:] = 120
    assert MeanShift(color=8)(image).max() == 1
    assert MeanShift(color=64)(image).max() == 0


def test_walks_at_a_smaller_size_end_at_the_same_borders() -> None:
    image, truth = patches(4, 96, 144)
    labels = RandomWalker(clusters=3, pixels=4000)(image)
    inner = np.kron(np.ones((4, 6), int), np.pad(np.ones((14, 14), int), 5)).astype(bool)  # away from borders
    for number in range(labels.max() + 1):
        assert len(np.unique(truth[inner & (labels == number)])) <= 1
