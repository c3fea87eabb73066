"""Plots of the page."""

from __future__ import annotations

import pytest

from segdrone.evaluation.html_report import plots


@pytest.mark.parametrize("history", [[{"epoch": 0.0, "val/loss": 0.0}], [{"epoch": 2.0, "val/loss": float("nan")}], []])
def test_curves_of_hardly_anything(history: list[dict[str, float]]) -> None:
    drawn = plots.curves(history)
    assert "nan" not in str(drawn)
    assert len(drawn) == any(row["val/loss"] == 0 for row in history)
