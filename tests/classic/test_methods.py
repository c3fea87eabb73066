"""Every method, on images whose parts are known, and on those that break methods."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from segdrone.classic.methods import METHODS, build_segmenter, describe_options
from segdrone.errors import ConfigError
from tests.helpers.classic import patches

IMAGES: dict[str, NDArray[np.uint8]] = {
    "one pixel": np.full((1, 1, 3), 7, np.uint8),
    "a row": np.random.default_rng(0).integers(0, 256, (1, 9, 3), dtype=np.uint8),
    "one color": np.full((33, 47, 3), 255, np.uint8),
    "noise": np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8),
}


def purity(labels: NDArray[np.int32], truth: NDArray[np.uint8]) -> float:
    """Returns the share of pixels that are of the commonest class of their segment."""
    table = np.zeros((labels.max() + 1, 3), int)
    np.add.at(table, (labels.ravel(), truth.ravel()), 1)
    return float(table.max(1).sum() / labels.size)


@pytest.mark.parametrize("name", METHODS)
def test_segments_follow_the_parts_of_an_image(name: str) -> None:
    image, truth = patches(3, 96, 144)
    labels = METHODS[name]()(image)
    assert (labels.dtype.name, labels.shape) == ("int32", truth.shape)
    assert np.array_equal(np.unique(labels), np.arange(labels.max() + 1))
    assert 2 <= labels.max() + 1 <= 200
    assert purity(labels, truth) > 0.93
    assert np.array_equal(METHODS[name]()(image), labels)


@pytest.mark.parametrize("kind", IMAGES)
@pytest.mark.parametrize("name", METHODS)
@pytest.mark.filterwarnings("error")
def test_any_image_has_segments(name: str, kind: str) -> None:
    labels = METHODS[name]()(IMAGES[kind])
    assert labels.shape == IMAGES[kind].shape[:2]
    assert np.array_equal(np.unique(labels), np.arange(labels.max() + 1))


@pytest.mark.parametrize("name", METHODS)
def test_every_option_is_described_and_bounded(name: str) -> None:
    for option, default, text in describe_options(METHODS[name]):
        assert text, option
        with pytest.raises(ConfigError, match=f"options of {name}: {option}"):
            build_segmenter(name, {option: -5.0 if default is not None else "x"})


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("magic", {}, "the method magic is unknown: choose one of threshold, edges"),
        ("slic", {"size": 3}, "options of slic: size: .* the options and their defaults are spacing=14"),
        ("threshold", {"channel": "red"}, "options of threshold: channel: input should be 'gray', 'exg' or 'vari'"),
    ],
)
def test_what_does_not_fit_is_refused(name: str, options: dict[str, object], expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        build_segmenter(name, options)
