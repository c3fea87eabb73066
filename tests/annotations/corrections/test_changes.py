from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from segdrone.annotations.corrections.changes import COLUMNS, Change, class_rows, count_changes, total, write_changes
from segdrone.classes import ClassTable

TABLE = ClassTable(("soil", "road", "car"), ((1, 1, 1), (2, 2, 2), (3, 3, 3)))
BEFORE = np.array([[0, 0, 0, 0, 1, 255]], np.uint8)
AFTER = np.array([[1, 1, 255, 0, 1, 0]], np.uint8)


def change(name: str = "a", is_new: bool = False) -> Change:
    return Change(name, ["anna", "ben"], ["a.json"], Path("masks/a.png"), count_changes(BEFORE, AFTER), is_new)


def test_classes_gain_and_lose_pixels() -> None:
    rows = {row["class"]: row for row in class_rows(change().pixels, TABLE)}
    assert [*rows] == ["soil", "road", "ignored"]  # a class that stays has no row
    soil, road, ignored = rows.values()
    assert (soil["before"], soil["after"], soil["gained"], soil["lost"]) == (4, 2, 1, 3)
    assert (soil["gained_from"], soil["lost_to"]) == ("ignored 1", "road 2; ignored 1")
    assert (road["gained"], road["lost"], ignored["gained"], ignored["lost"]) == (2, 0, 1, 1)
    assert all(row["after"] - row["before"] == row["gained"] - row["lost"] for row in rows.values())


def test_changed_pixels_are_those_of_another_class() -> None:
    assert change().changed_pixels == 4 and change().changes_mask
    same = Change("a", [], [], Path("a.png"), count_changes(BEFORE, BEFORE))
    assert same.changed_pixels == 0 and not same.is_change
    assert Change("a", [], [], Path("a.png"), same.pixels, is_new=True).changes_mask
    assert int(total([change(), change("b")]).sum()) == 12 and total([]).shape == (256, 256)


def test_the_table_has_a_row_for_each_photograph_and_class(tmp_path: Path) -> None:
    write_changes([change("flight, 1/a"), change("b\udcff")], TABLE, tmp_path / "changes.csv")
    with (tmp_path / "changes.csv").open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        rows = [*csv.DictReader(file)]
    assert [row["photograph"] for row in rows] == ["flight, 1/a"] * 3 + ["b\udcff"] * 3
    assert tuple(rows[0]) == COLUMNS and rows[0]["by"] == "anna; ben"
