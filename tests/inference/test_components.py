from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from segdrone.inference.components import connected_components, enclosed_area
from tests.helpers.drawn_masks import SIDES, noise

NESTED = np.minimum.outer(*[5 - abs(np.arange(-5, 6))] * 2).astype(np.uint8) % 2  # a square in a ring in a ring


@settings(deadline=None)
@given(noise(classes=2))
@example(NESTED)
def test_components_are_those_of_opencv(mask: NDArray[np.uint8]) -> None:
    count, labels, stats, _ = cv2.connectedComponentsWithStats((mask == 1).view(np.uint8), connectivity=8)
    expected = []
    for label in range(1, count):
        left, top, width, height, area = stats[label].tolist()
        pixels = (labels == label)[top : top + height, left : left + width]
        expected.append(((top, left, height, width), area, pixels.tolist()))
    components = [
        (tuple(component.window), component.area, component.pixels.tolist())
        for component in connected_components(mask, 1)
    ]
    assert sorted(components) == sorted(expected)


@settings(deadline=None)
@given(arrays(np.uint8, st.tuples(SIDES, SIDES), elements=st.integers(0, 1)))
def test_holes_are_4_connected_areas_that_do_not_touch_the_border(mask: NDArray[np.uint8]) -> None:
    for component in connected_components(mask, 1):
        own = np.zeros_like(mask)
        component.draw(own, 1)
        count, labels, stats, _ = cv2.connectedComponentsWithStats(1 - np.pad(own, 1), connectivity=4)
        expected = [int(stats[label, cv2.CC_STAT_AREA]) for label in range(1, count) if label != labels[0, 0]]
        assert sorted(map(enclosed_area, component.holes)) == sorted(expected)


def test_a_component_is_drawn_relative_to_the_canvas() -> None:
    mask = np.zeros((9, 9), np.uint8)
    mask[5:8, 2:6] = 3
    mask[6, 4] = 0
    (component,) = connected_components(mask, 3)
    canvas = np.zeros((5, 6), np.uint8)
    component.draw(canvas, 7, top=4, left=1)
    np.testing.assert_array_equal(canvas == 7, mask[4:, 1:7] == 3)
    assert component.area == 11


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (7, 1)])
def test_a_class_that_fills_the_mask_is_one_component_and_others_have_none(size: tuple[int, int]) -> None:
    mask = np.full(size, 2, np.uint8)
    assert [(component.window, component.area) for component in connected_components(mask, 2)] == [
        ((0, 0, *size), mask.size)
    ]
    assert [*connected_components(mask, 0)] == []
