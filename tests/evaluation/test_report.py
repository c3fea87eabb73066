"""Outputs of an evaluation."""

from pathlib import Path

import pytest

from segdrone.classes import DRONE
from segdrone.errors import DataError
from segdrone.evaluation.evaluator import Evaluator
from segdrone.evaluation.report import write_report
from segdrone.utils.output_dir import StagedResults


def test_an_evaluation_of_no_photograph_is_one_line_of_error(tmp_path: Path) -> None:
    results = StagedResults(tmp_path, [])
    with pytest.raises(DataError, match=r"no photograph of the test split was scored: give trainer\."):
        write_report(Evaluator(DRONE, None), "the test split", results, provenance={}, run=None, loggers=[])
    assert not [*tmp_path.iterdir()]
