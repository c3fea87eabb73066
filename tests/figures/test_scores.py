"""Plots of an evaluation: calibration, recall by size, differences."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.patches import Rectangle

from segdrone.figures import plot_differences, plot_recall_by_size, plot_reliability
from tests.helpers.figures import render

BINS: list[dict[str, Any]] = [
    {"from": 0.0, "to": 0.5, "pixels": 0, "confidence": None, "accuracy": None},
    {"from": 0.5, "to": 0.75, "pixels": 30, "confidence": 0.6, "accuracy": 0.5},
    {"from": 0.75, "to": 1.0, "pixels": 10, "confidence": 0.9, "accuracy": 0.75},
]


def test_reliability_shows_accuracy_by_confidence_and_the_share_of_each_bin() -> None:
    figure = plot_reliability(BINS)
    upper, lower = figure.axes
    diagonal, measured = upper.lines
    np.testing.assert_array_equal(diagonal.get_xydata(), [[0, 0], [1, 1]])
    np.testing.assert_array_equal(measured.get_xydata(), [[0.6, 0.5], [0.9, 0.75]])  # without the empty bin
    bars = [patch for patch in lower.patches if isinstance(patch, Rectangle)]
    assert [(bar.get_x(), bar.get_width(), bar.get_height()) for bar in bars] == [
        (0, 0.5, 0), (0.5, 0.25, 75), (0.75, 0.25, 25)
    ]  # fmt: skip
    assert (lower.get_xlabel(), upper.get_ylabel(), lower.get_ylabel()) == ("confidence", "accuracy", "% of pixels")
    assert render(figure).shape == (550, 550, 3)


def test_recall_by_size_shows_the_share_found_and_the_numbers() -> None:
    sizes: list[dict[str, Any]] = [
        {"from": 0, "to": 1024, "truth": 4, "found": 1, "recall": 0.25},
        {"from": 1024, "to": 9216, "truth": 2000, "found": 2000, "recall": 1.0},
        {"from": 9216, "to": None, "truth": 0, "found": 0, "recall": None},
    ]
    figure = plot_recall_by_size(sizes)
    axis = figure.axes[0]
    assert [bar.get_height() for bar in axis.patches if isinstance(bar, Rectangle)] == [0.25, 1, 0]
    assert [text.get_text() for text in axis.texts] == ["1 of 4", "2,000 of 2,000", "none"]
    labels = [label.get_text().replace("\n", " ") for label in axis.get_xticklabels()]
    assert labels == ["0 to 1,024", "1,024 to 9,216", "9,216 or more"]
    render(figure)
    for text in axis.texts:
        box = text.get_window_extent()
        assert axis.bbox.y0 <= box.y0 and box.y1 <= axis.bbox.y1  # inside, above a full bar too


def test_differences_show_intervals_and_emphasize_those_without_zero() -> None:
    rows: list[dict[str, Any]] = [
        {"name": "car", "difference": 0.2, "interval": [0.1, 0.3]},
        {"name": "dog", "difference": 0.05, "interval": [-0.1, 0.2]},
        {"name": "roof", "difference": -0.2, "interval": [-0.3, -0.1]},
    ]
    axis = plot_differences(rows, "IoU by class").axes[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["car", "dog", "roof"]
    assert axis.get_title(loc="left") == "IoU by class"
    intervals, marks, (zero,) = axis.lines[0:6:2], axis.lines[1:6:2], axis.lines[6:]
    for position, (row, line, mark) in enumerate(zip(rows, intervals, marks, strict=True)):
        np.testing.assert_array_equal(line.get_xdata(), row["interval"])
        np.testing.assert_array_equal(line.get_ydata(), [position, position])
        np.testing.assert_array_equal(mark.get_xydata(), [[row["difference"], position]])
    assert [line.get_color() for line in intervals] == ["black", "grey", "black"]
    assert [mark.get_marker() for mark in marks] == ["o", "|", "o"]
    np.testing.assert_array_equal(zero.get_xdata(), [0, 0])
    assert axis.get_ylim()[0] > axis.get_ylim()[1]  # the first row is at the top


def test_names_of_folders_with_dollars_are_no_formula() -> None:
    row = {"name": "car", "difference": 0.2, "interval": [0.1, 0.3]}
    figure = plot_differences([row], "exp$^1 less exp$^2\udce9")
    assert figure.axes[0].get_title(loc="left") == r"exp\$^1 less exp\$^2\udce9"
    render(figure)
