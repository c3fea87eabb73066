"""The confusion matrix of the page."""

from __future__ import annotations

import numpy as np

from segdrone.classes import ClassTable
from segdrone.evaluation.html_report import matrix


def test_the_matrix_is_shown_as_shares_of_truth_and_of_prediction() -> None:
    table = ClassTable(names=("land", "water", "ice"), colours=((0, 0, 0), (0, 0, 255), (9, 9, 9)))
    counts = np.array([[6, 2, 0], [1, 1, 0], [0, 0, 0]])
    truth, prediction = matrix.matrices(counts, table)
    assert truth.ids == [0, 1]
    assert truth.rows[0][1] is not None
    assert truth.rows[0][1].sentence == "25.00 % of the true land is predicted as water: 2 pixels"
    assert prediction.rows[0][1] is not None
    assert prediction.rows[0][1].sentence == "66.67 % of what is predicted as water is land in truth: 2 pixels"
    first, second = matrix.most_confused(counts, table)
    assert (first.truth, first.prediction, first.of_class, first.of_all) == (0, 1, 0.25, 0.2)
    assert (second.truth, second.prediction) == (1, 0)
