from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from segdrone.selection.uncertainty import disagreement, entropy_part, margin


def distributions(seed: int, classes: int) -> NDArray[np.float32]:
    values = np.random.default_rng(seed).dirichlet([0.3] * classes, (5, 7)).transpose(2, 0, 1)
    return np.ascontiguousarray(values, np.float32)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 9))
def test_scores_are_those_of_their_formulas(seed: int, classes: int) -> None:
    one, other = distributions(seed, classes), distributions(seed + 1, classes)
    first, second = np.sort(one, axis=0)[::-1][:2]
    assert np.allclose(margin(one), 1 - (first - second), atol=1e-6)

    def entropy(p: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        exact = np.maximum(p.astype(np.float64), 1e-300)
        return np.asarray(-(exact * np.log(exact)).sum(0) / np.log(classes))

    found = sum(entropy_part(plane, classes) for plane in one)
    assert np.allclose(found, entropy(one), atol=1e-5)
    expected = entropy((one + other) / 2) - (entropy(one) + entropy(other)) / 2
    assert np.allclose(disagreement([one, other]), expected, atol=1e-5)
    assert (disagreement([one, one, one]) < 1e-5).all()


@pytest.mark.parametrize("certain", [0, 2])
def test_a_certain_pixel_has_no_uncertainty(certain: int) -> None:
    planes = np.zeros((3, 1, 1), np.float32)
    planes[certain] = 1
    assert margin(planes).item() == 0
    assert sum(entropy_part(plane, 3).item() for plane in planes) < 1e-6
