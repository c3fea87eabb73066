import numpy as np

from segdrone.classic.thresholds import Threshold
from tests.helpers.classic import patches


def test_otsu_finds_the_valleys_of_the_histogram() -> None:
    image = np.repeat(np.array([20, 90, 160, 230], np.uint8), 30)[None, :, None].repeat(40, 0).repeat(3, 2)
    labels = Threshold(levels=4, smoothing=0, min_size=1)(image)
    assert labels[0].tolist() == [number for number in range(4) for _ in range(30)]
    assert Threshold(levels=2, smoothing=0, min_size=1)(image).max() == 1


def test_values_that_lie_close_together_are_one_part() -> None:
    """Five gray levels fill three bins of the histogram, too few for scikit-image to find four parts."""
    image = np.repeat(np.array([0, 1, 128, 254, 255], np.uint8), 20)[None, :, None].repeat(40, 0).repeat(3, 2)
    labels = Threshold(levels=4, smoothing=0, min_size=1)(image)
    assert labels[0].tolist() == [0] * 40 + [1] * 20 + [2] * 40


def test_an_index_of_green_finds_grass() -> None:
    image, truth = patches(5)
    for channel in ("exg", "vari"):
        labels = Threshold(channel=channel, thresholds=(0.2,), smoothing=1)(image)
        green = np.zeros(truth.shape, bool)
        for number in range(labels.max() + 1):
            green[labels == number] = (truth[labels == number] == 0).mean() > 0.5
        assert (green == (truth == 0)).mean() > 0.95, channel


def test_given_thresholds_make_windows_equal_to_the_whole() -> None:
    """Those of Otsu depend on all pixels; given ones only on those of a segment and its border."""
    image, _ = patches(6, 96, 144)
    cut = Threshold(thresholds=(100.0,), smoothing=1, min_size=1)
    whole, window = cut(image)[:, :100], cut(image[:, :110])[:, :100]
    edges = [np.diff(labels[:, :96], axis=axis) != 0 for labels in (whole, window) for axis in (0, 1)]
    assert np.array_equal(edges[0], edges[2])
    assert np.array_equal(edges[1], edges[3])
