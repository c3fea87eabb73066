from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from segdrone.annotations.export.runs import find_runs, join_runs

MAPS = arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 2))


@settings(max_examples=50, deadline=None)
@given(labels=MAPS)
@pytest.mark.parametrize("corners", [False, True])
def test_regions_are_those_of_opencv(labels: np.ndarray[tuple[int, int], np.dtype[np.uint8]], corners: bool) -> None:
    runs = find_runs(labels)
    index = join_runs(runs, corners=corners)
    regions = runs.paint(index.astype(np.int32))
    pairs = set()
    for value in range(3):
        count, expected = cv2.connectedComponents((labels == value).astype(np.uint8), connectivity=8 if corners else 4)
        found = regions[labels == value]
        assert len(np.unique(found)) == count - 1
        pairs |= {*zip(found.tolist(), expected[labels == value].tolist(), strict=True)}
        assert len({(region, value) for region in found.tolist()}) == count - 1
    assert len(pairs) == index.max() + 1
    assert [*dict.fromkeys(index.tolist())] == [*range(index.max() + 1)]
