from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from segdrone.annotations import ImportSummary, print_summary
from segdrone.classes import ClassTable


def test_table_shows_what_was_written(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    pixels = np.zeros(256, np.int64)
    pixels[[0, 1, 255]] = 100, 700, 200
    table = ClassTable(("[red]car", "street"), ((1, 2, 3), (4, 5, 6)))
    skipped = {"deleted objects": 7}
    print_summary(ImportSummary("coco", Path("[out]"), table, 12, np.array([30, 5]), pixels, skipped))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "12 photographs with masks of 35 shapes (coco) in [out]"
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if "│" in line]
    assert rows == [
        ["1", "street", "5", "70.00"],
        ["255", "ignored", "", "20.00"],
        ["0", "[red]car", "30", "10.00"],
    ]
    assert lines[-1] == "skipped: 7 deleted objects"
