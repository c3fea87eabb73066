"""Values by epoch, and loss by learning rate."""

from __future__ import annotations

import numpy as np
import pytest

from segdrone.figures import TRAINING_CURVES, plot_curves, plot_learning_rates, plot_training_curve
from tests.helpers.figures import render


def test_curves_count_epochs_from_one_and_skip_what_is_absent() -> None:
    history = [{"epoch": 0, "train/loss": 2.0}, {"epoch": 1, "train/loss": 1.5, "val/loss": 1.75}]
    figure = plot_curves(history, {"train/loss": "train", "val/loss": "val", "test/loss": "test"}, "Loss", "nats")
    axis = figure.axes[0]
    lines = {str(line.get_label()): line for line in axis.lines}
    assert set(lines) == {"train", "val"}
    np.testing.assert_array_equal(lines["train"].get_xydata(), [[1, 2.0], [2, 1.5]])
    np.testing.assert_array_equal(lines["val"].get_xydata(), [[2, 1.75]])
    assert (axis.get_title(), axis.get_xlabel(), axis.get_ylabel()) == ("Loss", "epoch", "nats")
    assert render(figure).shape == (476, 700, 3)


@pytest.mark.parametrize("metric", TRAINING_CURVES)
def test_a_training_curve_has_a_line_per_split(metric: str) -> None:
    history = [{"epoch": 0.0, f"train/{metric}": 0.5, f"val/{metric}": 0.25, "train/other": 7.0}]
    axis = plot_training_curve(history, metric).axes[0]
    assert {line.get_label(): np.asarray(line.get_ydata())[0] for line in axis.lines} == {"train": 0.5, "val": 0.25}
    assert (axis.get_title(), axis.get_ylabel()) == TRAINING_CURVES[metric]


def test_epochs_without_a_finite_value_are_skipped() -> None:
    history = [{"epoch": 0, "val": 1.0}, {"epoch": 1, "val": float("nan")}, {"epoch": 2, "val": 3.0}]
    (line,) = plot_curves(history, {"val": "val"}, "t", "u").axes[0].lines
    np.testing.assert_array_equal(line.get_xydata(), [[1, 1.0], [3, 3.0]])
    assert not plot_curves(history[1:2], {"val": "val"}, "t", "u").axes[0].lines
    assert not plot_curves([], {"val": "val"}, "t", "u").axes[0].lines


def test_the_suggested_learning_rate_is_marked_on_the_curve() -> None:
    rates, losses = [1e-4, 1e-3, 1e-2], [3.0, 2.0, 5.0]
    figure = plot_learning_rates(rates, losses, 1e-3)
    axis = figure.axes[0]
    curve, mark = axis.lines
    np.testing.assert_array_equal(curve.get_xydata(), list(zip(rates, losses, strict=True)))
    np.testing.assert_array_equal(mark.get_xydata(), [[1e-3, 2.0]])
    assert (mark.get_label(), axis.get_xscale()) == ("suggested: 1.00e-03", "log")
