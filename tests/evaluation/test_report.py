import csv
import json
from pathlib import Path

import numpy as np
import pytest

from segdrone.classes import ClassTable
from segdrone.evaluation.report import print_scores, write_scores
from segdrone.evaluation.scores import score

TABLE = ClassTable(names=("land", "water", "ice"), colours=((0, 0, 0), (0, 0, 255), (9, 9, 9)))
SCORES = score({"x": np.array([[3, 1, 0], [0, 4, 0], [0, 0, 0]])})


def test_metrics_json_names_every_class_and_the_absent_ones(tmp_path: Path) -> None:
    returned = write_scores(SCORES, TABLE, tmp_path, split="test")
    written = json.loads((tmp_path / "metrics.json").read_text())
    assert written == returned
    assert written["iou"] == {"land": 3 / 4, "water": 4 / 5, "ice": None}
    assert written["absent"] == ["ice"]
    assert written["miou"] == pytest.approx((3 / 4 + 4 / 5) / 2)
    assert written["accuracy"] == 7 / 8
    assert (written["split"], written["photographs"]) == ("test", 1)
    assert {"miou_per_image", "accuracy_per_image", "dice"} < written.keys()


def test_per_class_csv_leaves_absent_values_empty(tmp_path: Path) -> None:
    write_scores(SCORES, TABLE, tmp_path)
    rows = list(csv.DictReader((tmp_path / "per_class.csv").open()))
    assert [row["class"] for row in rows] == list(TABLE.names)
    assert float(rows[0]["iou"]) == 0.75
    assert float(rows[1]["predicted_share"]) == 5 / 8
    assert (rows[2]["iou"], rows[2]["truth_share"]) == ("", "0.000000")


def test_the_table_says_what_is_absent(capsys: pytest.CaptureFixture[str]) -> None:
    print_scores(SCORES, TABLE, "1 photograph")
    printed = capsys.readouterr().out
    assert "1 photograph" in printed
    assert "0.7750" in printed
    ice = next(line for line in printed.splitlines() if "│ ice " in line)
    assert ice.count("absent") == 3
