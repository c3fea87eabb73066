"""Scores and comparisons as they are printed."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from segdrone.classes import ClassTable
from segdrone.evaluation.compare import Comparison
from segdrone.evaluation.console import print_comparison, print_scores
from segdrone.evaluation.counts import count_image
from segdrone.evaluation.evaluator import EvalSample, Evaluator
from segdrone.evaluation.metrics_files import NamedCounts, to_metrics
from segdrone.evaluation.scores import score
from segdrone.inference.grouping import Things

TABLE = ClassTable(names=("land", "[water]", "ice"), colours=((0, 0, 0), (0, 0, 255), (9, 9, 9)))
OBJECTS = {"map": 0.25, "classes": {"car": {"truth": 4, "found": 3}, "dog": {"truth": 2, "found": 0}}}


def metrics(images: int, objects: dict[str, Any] | None = None) -> dict[str, Any]:
    """Metrics of images with little water and no ice, where 3 of 4 pixels of land are right."""
    truth = np.array([[0, 0, 0, 0, 1]], np.uint8)
    prediction = np.array([[0, 0, 0, 1, 1]], np.uint8)
    counts = NamedCounts.of({f"p{i}": count_image(truth, prediction, None, TABLE) for i in range(images)}, TABLE)
    return to_metrics(counts, score(counts.counts), objects)


def printed(capsys: pytest.CaptureFixture[str]) -> list[list[str]]:
    """The cells of each printed line; a line outside of tables is one cell."""
    lines = capsys.readouterr().out.splitlines()
    return [[cell.strip() for cell in re.split("[│┃]", line.strip("│┃"))] for line in lines]


def test_overall_scores_are_printed_with_intervals_and_unknown_ones_are_left_out(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_scores(metrics(20), "20 photographs of [all]")
    lines = printed(capsys)
    assert ["20 photographs of [all]"] in lines
    assert ["mIoU", "0.6250", "0.6250 to 0.6250"] in lines  # (3/4 + 1/2) / 2
    assert ["pixel accuracy", "0.8000", "0.8000 to 0.8000"] in lines
    assert not any(line[0] == "calibration error" for line in lines)
    assert ["to: 95 % intervals over photographs (bootstrap)"] in lines


def test_classes_are_printed_most_frequent_first(capsys: pytest.CaptureFixture[str]) -> None:
    print_scores(metrics(20), "title")
    rows = [line for line in printed(capsys) if line[0] in TABLE.names]
    assert [row[0] for row in rows] == ["land", "[water]", "ice"]
    assert (rows[0][1], rows[0][-1]) == ("0.7500", "80.00")
    assert (rows[1][1], rows[1][-1]) == ("0.5000", "20.00")
    assert rows[2][1:] == ["absent"] * 5 + ["0.00"]


@pytest.mark.parametrize(
    ("images", "note"),
    [
        (1, None),
        (19, "to: 95 % intervals over photographs (bootstrap), too narrow: fewer than 20 photographs"),
        (20, "to: 95 % intervals over photographs (bootstrap)"),
    ],
)
def test_intervals_of_few_photographs_are_called_too_narrow(
    images: int, note: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    print_scores(metrics(images), "title")
    notes = [line[0] for line in printed(capsys) if "intervals" in line[0]]
    assert notes == ([] if note is None else [note])


def test_found_objects_are_printed_if_there_are_any(capsys: pytest.CaptureFixture[str]) -> None:
    print_scores(metrics(1, OBJECTS), "title")
    assert ["objects: 3 of 6 found, mAP 0.2500 (ranked by area, as the confidence is unknown)"] in printed(capsys)
    print_scores({**metrics(1, OBJECTS), "reliability": []}, "title")
    assert ["objects: 3 of 6 found, mAP 0.2500"] in printed(capsys)
    for objects in (None, {**OBJECTS, "map": None}):
        print_scores(metrics(1, objects), "title")
        assert not any("objects" in line[0] for line in printed(capsys))


def test_a_comparison_is_printed_with_its_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    row = {"name": "mIoU", "first": 0.5, "second": 0.625, "difference": 0.125, "interval": [0.1, 0.15]}
    class_row = {**row, "name": "[roof]", "second": 0.5, "difference": 0.0, "interval": [-0.1, 0.1]}
    overall, classes = [{**row, "verdict": "better"}], [{**class_row, "verdict": "cannot tell"}]
    comparison = Comparison("a", "b", 25, overall, classes)
    print_comparison(comparison)
    lines = printed(capsys)
    assert ["mIoU", "0.5000", "0.6250", "+0.125", "+0.100 to +0.150", "better"] in lines
    assert ["[roof]", "0.5000", "0.5000", "+0.000", "-0.100 to +0.100", "cannot tell"] in lines
    assert lines[-1] == [f"{comparison.sentence}."]
    assert comparison.sentence.startswith("b is better than a: mIoU 0.6250 against 0.5000, a difference of +0.1250")


def test_things_that_are_none_as_connected_components_have_no_score_as_such(
    capsys: pytest.CaptureFixture[str],
) -> None:
    table = ClassTable(names=("road", "car"), colours=((90, 90, 90), (9, 143, 150)), things=("car",))
    evaluator = Evaluator(table, None)
    truth = np.array([[0, 0, 255, 255, 255, 0]], np.uint8)  # most of the component, but not of its part 2, has no class
    prediction, numbers = np.array([[0, 1, 1, 1, 1, 0]], np.uint8), np.array([[0, 2, 1, 1, 1, 0]], np.uint16)
    evaluator.update(EvalSample("p", truth, prediction, None, None, Things(prediction, numbers)))
    counts = NamedCounts.of(evaluator.counts, table)
    panoptic = evaluator.panoptic()
    assert panoptic is not None and panoptic["pq_things"] == 0 and panoptic["components"]["pq_things"] is None
    print_scores(to_metrics(counts, score(counts.counts), evaluator.objects.compute(), panoptic), "title")
    [line] = [line[0] for line in printed(capsys) if line[0].startswith("panoptic quality")]
    assert line.endswith("of things 0.0000 (true things: connected components, predicted ones: instance maps)")
