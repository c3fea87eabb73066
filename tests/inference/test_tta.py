from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from segdrone.inference.tta import AUGMENTS, D4Transform, mean_probabilities


@pytest.mark.parametrize("transform", AUGMENTS["symmetries"])
@pytest.mark.parametrize(("shape", "axes"), [((1, 1, 4, 6), (-2, -1)), ((1, 4, 6, 3), (1, 2))])
def test_each_transform_is_undone(transform: D4Transform, shape: tuple[int, ...], axes: tuple[int, int]) -> None:
    image = np.arange(math.prod(shape)).reshape(shape)
    np.testing.assert_array_equal(transform.undo(transform.apply(image, axes), axes), image)


def test_there_are_eight_and_four_and_one() -> None:
    image = np.arange(9).reshape(3, 3)
    results = {name: {tuple(t.apply(image).flatten().tolist()) for t in ways} for name, ways in AUGMENTS.items()}
    assert {name: len(ways) for name, ways in results.items()} == {"none": 1, "flips": 4, "symmetries": 8}
    assert results["none"] < results["flips"] < results["symmetries"]
    assert tuple(image.flatten().tolist()) in results["none"]


def test_the_mean_is_of_probabilities_at_their_places() -> None:
    little = 1 / (1 + math.e)

    def backend(windows: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Sure of class 0 in the first column, whatever its pixels are, and of class 1 by little in the others."""
        probabilities = np.full((1, 2, *windows.shape[1:3]), 1 - little, np.float32)
        probabilities[:, 0] = little
        probabilities[:, :, :, 0] = [[[1], [0]]]
        return probabilities

    both = (D4Transform(0, False), D4Transform(0, True))
    mean = mean_probabilities(backend, np.zeros((1, 1, 2, 3), np.uint8), both, (1,))
    np.testing.assert_allclose(mean[0, 0, 0], (1 + little) / 2, rtol=1e-6)


@pytest.mark.parametrize("transform", AUGMENTS["symmetries"])
def test_the_backend_gets_turned_windows_and_probabilities_are_turned_back(transform: D4Transform) -> None:
    windows = np.random.default_rng(0).integers(0, 256, (2, 4, 6, 3), np.uint8)

    def backend(given: NDArray[np.uint8]) -> NDArray[np.float32]:
        assert given.flags.c_contiguous
        return np.ascontiguousarray(given.transpose(0, 3, 1, 2).astype(np.float32))

    result = mean_probabilities(backend, windows, (transform,), (1,))
    np.testing.assert_array_equal(result, windows.transpose(0, 3, 1, 2))
