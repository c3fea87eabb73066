"""Folders of predictions: read, or refused in one line."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from segdrone.errors import DataError
from segdrone.inference import Prediction
from segdrone.inference.inputs import InputImage
from segdrone.inference.manifest import Manifest
from segdrone.inference.outputs import Outputs
from segdrone.inference.photo_statistics import monitored_columns
from segdrone.monitor.predictions import read_predictions
from tests.helpers.monitored import TABLE, draw_values, write_predictions


def refusal(folder: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_predictions(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_values_come_back(tmp_path: Path) -> None:
    values = draw_values(7)
    photographs = read_predictions(write_predictions(tmp_path, values))
    assert photographs.table == TABLE
    assert photographs.paths[:2] == ("000.jpg", "001.jpg")
    assert [*photographs.values] == monitored_columns(TABLE)
    for name, column in photographs.values.items():
        np.testing.assert_allclose(column, values[name], atol=1e-6)


def test_a_photograph_without_data_has_no_shares_and_no_confidence(tmp_path: Path) -> None:
    values = draw_values(3)
    for name in values:
        if name in ("no_data", "confidence") or name.startswith("share_"):
            values[name][1] = name == "no_data"
    found = read_predictions(write_predictions(tmp_path, values)).values
    assert found["no_data"].tolist() == [0, 1, 0]
    for name in ("confidence", "share_road", "share_grass"):
        assert np.isnan(found[name]).tolist() == [False, True, False]


def test_the_rows_of_segdrone_predict_are_read(tmp_path: Path) -> None:
    outputs = Outputs(tmp_path, TABLE, overlays=False)
    manifest = Manifest(outputs, {"segdrone": "1", "classes": TABLE.to_dict(), "predictor": {}, "cleanup": {}})
    image = InputImage(tmp_path / "a.jpg", 'sub/a, "b".jpg', "sub/a")
    vars(image)["digest"] = "9"
    manifest.begin([image], redo=False)
    mask = np.repeat([[0, 1]], 20, 0).repeat(10, 1).astype(np.uint8)
    pixels = np.random.default_rng(0).integers(0, 256, (20, 20, 3)).astype(np.uint8)
    manifest.add(image, outputs.write(image, pixels, Prediction(mask, np.full_like(mask, 204))))
    manifest.finish()
    photographs = read_predictions(tmp_path)
    assert photographs.paths == ('sub/a, "b".jpg',)
    assert photographs.values["confidence_road"][0] == pytest.approx(0.8)
    assert photographs.values["share_grass"][0] == 0.5
    assert np.isnan(photographs.values["confidence_car"][0])
    assert np.isnan(photographs.values["gsd"][0])


def test_an_older_table_without_statistics_asks_to_predict_again(tmp_path: Path) -> None:
    write_predictions(tmp_path, draw_values(3))
    rows = [*csv.reader((tmp_path / "summary.csv").open(newline=""))]
    end = rows[0].index("captured") + 1
    (tmp_path / "summary.csv").write_text("".join(",".join(row[:end]) + "\n" for row in rows))
    assert "has no column low_confidence, as those of an older segdrone: predict again with --redo" in refusal(tmp_path)


@pytest.mark.parametrize("cell", ["nan", "inf", "-inf", "1e999", "dark", "0x10", "1,5"])
def test_a_cell_that_is_no_number_is_refused(tmp_path: Path, cell: str) -> None:
    write_predictions(tmp_path, draw_values(3))
    rows = [*csv.reader((tmp_path / "summary.csv").open(newline=""))]
    rows[2][rows[0].index("noise")] = cell
    with (tmp_path / "summary.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    assert f"has {cell!r} for 001.jpg, which is not a number" in refusal(tmp_path)


def _damage(text: str) -> str:
    lines = text.splitlines()
    return "\n".join([lines[0], lines[1] + ",9", *lines[2:]])


@pytest.mark.parametrize(
    ("name", "change", "expected"),
    [
        ("summary.csv", lambda text: text.splitlines()[0] + "\n", "has no photographs in"),
        ("summary.csv", lambda text: "", "has no photographs in"),
        ("summary.csv", _damage, "too many or too few cells in row 1"),
        ("summary.csv", lambda text: text[:-40], "too many or too few cells in row 3"),
        ("summary.csv", lambda text: text.replace("masks/001", "../001"), "names a mask outside of masks/ in row 2"),
        ("summary.csv", lambda text: text.replace("masks/001", "masks/../../1"), "names a mask outside of masks/"),
        ("predict.json", lambda text: "{", "cannot be read"),
        ("predict.json", lambda text: json.dumps({"segdrone": "1"}), "classes: field required"),
        ("predict.json", lambda text: text.replace('"road"', '"grass"'), "cannot be read"),
    ],
)
def test_damaged_tables_are_refused(tmp_path: Path, name: str, change: Callable[[str], str], expected: str) -> None:
    write_predictions(tmp_path, draw_values(3))
    (tmp_path / name).write_text(change((tmp_path / name).read_text()))
    assert expected in refusal(tmp_path)


def test_other_folders_are_refused(tmp_path: Path) -> None:
    assert "has no photographs in predict.json and summary.csv" in refusal(tmp_path)
    assert "is not a folder: give one that segdrone predict wrote" in refusal(tmp_path / "missing")
    (tmp_path / "file").write_text("")
    assert "is not a folder" in refusal(tmp_path / "file")
