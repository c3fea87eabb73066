"""Scores of a sweep by option."""

from __future__ import annotations

import numpy as np

from segdrone.figures import plot_sweep
from tests.helpers.figures import render


def test_scores_are_plotted_against_each_option() -> None:
    choices: dict[str, list[float | str]] = {
        "lr": [1e-4, 1e-3, 1e-2, 3e-3],
        "batch": [2, 4, 8, 8],
        "loss": ["dice", "ce", "dice", "ce"],
        "size": [64, "none", 64, 128],
    }
    figure = plot_sweep(choices, [0.25, 0.5, float("nan"), 0.75], best=3, label="val/miou")
    lr, batch, loss, size = figure.axes
    assert [axis.get_xlabel() for axis in figure.axes] == list(choices)
    assert (lr.get_ylabel(), lr.get_xscale(), batch.get_xscale()) == ("val/miou", "log", "linear")
    assert [label.get_text() for label in loss.get_xticklabels()] == ["dice", "ce"]
    assert [label.get_text() for label in size.get_xticklabels()] == ["64", "none", "128"]
    assert list(batch.get_xticks()) == [2, 4, 8]
    places: dict[str, list[float]] = {
        "lr": [1e-4, 1e-3, 1e-2, 3e-3],
        "batch": [2, 4, 8, 8],
        "loss": [0, 1, 0, 1],
        "size": [0, 1, 0, 2],
    }
    for axis in figure.axes:
        runs, best, without = axis.lines
        first, second, failed, fourth = places[str(axis.get_xlabel())]
        np.testing.assert_array_equal(runs.get_xydata(), [[first, 0.25], [second, 0.5], [fourth, 0.75]])
        np.testing.assert_array_equal(best.get_xydata(), [[fourth, 0.75]])
        np.testing.assert_array_equal(without.get_xdata(), [failed])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["run", "best run", "without a score"]
    pixels = render(figure)
    crosses = np.argwhere((pixels == (214, 39, 40)).all(-1))  # tab:red
    assert len(crosses) > 40
    for axis in (lr, batch):  # at the foot of its panel, below every score
        lowest = pixels.shape[0] - axis.transData.transform((axis.get_xlim()[0], 0.25))[1]
        foot = pixels.shape[0] - axis.bbox.y0
        inside = crosses[(crosses[:, 0] < foot) & (crosses[:, 0] > pixels.shape[0] - axis.bbox.y1)]
        assert (inside[:, 0] > lowest + 4).all() and len(inside)


def test_without_failed_runs_there_are_no_crosses() -> None:
    figure = plot_sweep({"seed": [0, 1], "lr": [0.0, 10.0]}, [0.5, 0.25], best=0, label="val/miou")
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["run", "best run"]
    assert [axis.get_xscale() for axis in figure.axes] == ["linear", "linear"]
    render(figure)


def test_values_with_dollars_are_no_formula() -> None:
    figure = plot_sweep({"size": ["[${a},${b}]", "[1,2]"]}, [0.25, 0.5], best=1, label="val/miou")
    assert figure.axes[0].get_xticklabels()[0].get_text() == r"[\${a},\${b}]"
    render(figure)
