from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segdrone.inference import argmax as module
from segdrone.inference.argmax import argmax


@given(st.integers(1, 7), st.integers(1, 9), st.integers(1, 9), st.integers(0, 99))
def test_classes_and_confidence_are_those_of_numpy(classes: int, height: int, width: int, seed: int) -> None:
    values = np.random.default_rng(seed).integers(0, 4, (classes, height, width)).astype(np.float32)  # with ties
    result = argmax(values)
    np.testing.assert_array_equal(result.classes, values.argmax(0))
    np.testing.assert_array_equal(result.confidence, values.max(0))
    assert result.classes.dtype == np.uint8
    assert result.confidence.dtype == np.float32


def test_parts_of_larger_arrays_and_small_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).random((255, 40, 60), np.float32)[:, 3:37, 5:50]
    whole = argmax(values)
    np.testing.assert_array_equal(whole.classes, values.argmax(0))
    monkeypatch.setattr(module, "_BLOCK", 1)
    np.testing.assert_array_equal(argmax(values).classes, whole.classes)
