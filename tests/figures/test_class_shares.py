"""Shares of classes as bars."""

from __future__ import annotations

import numpy as np
from matplotlib.patches import Rectangle

from segdrone.figures import plot_class_shares
from tests.helpers.figures import TABLE, render, share_of


def test_class_shares_are_bars_in_class_colors_largest_first() -> None:
    figure = plot_class_shares(np.array([10, 0, 990]), {"photographs": np.array([3, 0, 1200])}, TABLE, "Classes")
    axis = figure.axes[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["roof", "road", "grass"]
    bars = [patch for patch in axis.patches if isinstance(patch, Rectangle) and patch.get_width() > 0]
    np.testing.assert_allclose([bar.get_width() for bar in bars], [99, 1])
    assert axis.get_xscale() == "log"
    texts = [text.get_text() for text in axis.texts]
    assert texts == ["pixels", "99.000 %", "1.000 %", "absent", "photographs", "1,200", "3", "0"]
    pixels = render(figure)
    assert share_of(pixels, TABLE.colours[2]) > 5 * share_of(pixels, TABLE.colours[0]) / 2 > 0
    for text in axis.texts:
        box = text.get_window_extent()
        assert axis.bbox.x1 < box.x0 < box.x1 <= figure.bbox.x1


def test_classes_that_never_occur_can_be_render() -> None:
    figure = plot_class_shares(np.zeros(3, np.int64), {}, TABLE, "nothing")
    assert [text.get_text() for text in figure.axes[0].texts] == ["pixels", "absent", "absent", "absent"]
    assert render(figure).shape[0] > 100
