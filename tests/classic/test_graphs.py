import numpy as np

from segdrone.classic.graphs import Felzenszwalb, NormalizedCuts
from tests.helpers.classic import patches


def test_a_larger_scale_makes_larger_segments() -> None:
    image, _ = patches(2, 96, 144)
    assert Felzenszwalb(scale=1, min_size=4)(image).max() > 2 * Felzenszwalb(scale=300, min_size=4)(image).max()


def test_cuts_make_the_parts_that_are_asked_for() -> None:
    image, truth = patches(7, 96, 144)
    labels = NormalizedCuts(spacing=8, parts=24)(image)
    assert 20 <= labels.max() + 1 <= 40
    mixed = sum(len(np.unique(truth[labels == number])) > 1 for number in range(labels.max() + 1))
    assert mixed < labels.max() / 2
