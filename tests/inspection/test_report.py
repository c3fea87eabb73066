from __future__ import annotations

from pathlib import Path

import pytest

from segdrone.inspection.report import Check, DatasetReport, Finding, print_report
from tests.helpers.small_dataset import IMAGES, check, write_set


def printed(report: DatasetReport, capsys: pytest.CaptureFixture[str]) -> str:
    print_report(report)
    return capsys.readouterr().out


def test_status_is_the_worst_finding() -> None:
    warning, error = Finding("WARNING", "a"), Finding("ERROR", "b")
    assert Check("x", "").status == "OK"
    assert Check("x", "", [warning]).status == "WARNING"
    assert Check("x", "", [warning, error, warning]).status == "ERROR"
    assert not DatasetReport("", "", "", [Check("x", "", [warning])]).failed
    assert DatasetReport("", "", "", [Check("x", ""), Check("y", "", [error])]).failed


def test_five_files_are_shown_and_the_rest_counted(capsys: pytest.CaptureFixture[str]) -> None:
    files = [f"m/[{i}].png" for i in range(12)]
    report = DatasetReport("r", "i", "m", [Check("files", "s", [Finding("ERROR", "12 files corrupt: fix", files)])])
    shown = printed(report, capsys)
    assert "error: 12 files corrupt: fix" in shown
    assert all(name in shown for name in files[:5])
    assert not any(name in shown for name in files[5:])
    assert "and 7 more" in shown
    assert "Training would fail: fix the errors of 1 of 1 checks." in shown
    assert report.to_dict()["checks"][0]["findings"][0]["where"] == files


def test_bars_show_the_share_of_each_class(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = printed(check(write_set(tmp_path / "set")), capsys)
    lengths = {line.split()[1]: line.count("━") for line in shown.splitlines() if line.startswith("│ ro")}
    (grass,) = [line for line in shown.splitlines() if line.startswith("│ grass")]
    assert grass.count("━") == 24
    assert lengths == {"road": 12, "roof": 12}
    assert "No problems found: training can start." in shown
    numbers = [line.split()[1] for line in shown.splitlines() if line[:2] == "│ " and line.split()[1].isdigit()]
    assert numbers == [str(number) for number in range(1, 11)]


def test_warnings_are_summarized(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_set(tmp_path / "set")
    (root / IMAGES / "notes.txt").write_text("windy")
    assert "Training can start; 1 of 10 checks have warnings." in printed(check(root), capsys)
