from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segdrone.annotations.corrections import CorrectionOptions, compare_annotators
from segdrone.errors import DataError
from tests.annotations.corrections.conftest import (
    ALL_SOIL,
    CAR_BOX,
    RIGHT_ROAD,
    SIZE,
    box,
    correction,
    write_image,
    write_photograph,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Anna and ben annotated a, on which they differ, and b; anna also c."""
    for seed, name in enumerate("abc"):
        write_photograph(tmp_path / "images" / f"{name}.png", seed)
        correction(tmp_path / "anna", name, ALL_SOIL, RIGHT_ROAD)
    correction(tmp_path / "ben", "a", ALL_SOIL, box("road", 27, 0, 36, 24))
    correction(tmp_path / "ben", "b", ALL_SOIL, RIGHT_ROAD)
    return tmp_path


def test_people_are_compared(folder: Path) -> None:
    options = CorrectionOptions(images=folder / "images")
    out = folder / "out"
    summary = compare_annotators([folder / "anna", Path(f"Ben={folder / 'ben'}")], out, options, progress=False)
    assert summary.by_one == 1 and summary.pictured
    assert [*summary.agreement.pairs] == [("Ben", "anna")]
    assert summary.agreement.pairs["Ben", "anna"].pixel_agreement == 1 - 9 / 72
    described = json.loads((out / "agreement.json").read_text())
    assert described["pairs"][0]["iou"] == {"road": 0.75, "soil": 0.8}
    assert described["photographs"]["b"][0]["kappa"] == 1
    rows = [*csv.DictReader((out / "agreement.csv").open())]
    assert [(row["photograph"], row["class"], row["iou"]) for row in rows] == [
        ("a", "road", "0.500000"), ("a", "soil", "0.666667"), ("b", "road", "1.000000"), ("b", "soil", "1.000000"),
    ]  # fmt: skip
    assert sorted(path.name for path in out.iterdir()) == ["agreement.csv", "agreement.json", "differences.png"]


def test_people_who_differ_nowhere_have_no_pictures(folder: Path) -> None:
    options, out = CorrectionOptions(images=folder / "images"), folder / "out"
    compare_annotators([folder / "anna", folder / "ben"], out, options, progress=False)
    correction(folder / "ben", "a", ALL_SOIL, RIGHT_ROAD)
    summary = compare_annotators([folder / "anna", folder / "ben"], out, options, progress=False)
    assert not summary.pictured and not (out / "differences.png").exists()


def test_photographs_that_exif_turns_are_told(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    with Image.open(folder / "images" / "b.png") as image:
        image.save(folder / "images" / "b.png", exif=exif)
    options = CorrectionOptions(images=folder / "images")
    compare_annotators([folder / "anna", folder / "ben"], folder / "out", options, progress=False)
    assert "1 photographs are turned by their EXIF orientation and their size cannot show" in caplog.text


def test_photographs_of_16_bits_are_compared_and_not_drawn(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_image(np.full(SIZE, 2000, np.uint16), folder / "images" / "a.png")
    options = CorrectionOptions(images=folder / "images")
    summary = compare_annotators([folder / "anna", folder / "ben"], folder / "out", options, progress=False)
    assert {*summary.agreement.photographs} == {"a", "b"} and not summary.pictured
    assert "not drawn: " in caplog.text and "1 band of uint16, not 8 bits per channel: convert it" in caplog.text


def test_photographs_of_one_person_cannot_be_compared(folder: Path) -> None:
    options = CorrectionOptions(images=folder / "images")
    with pytest.raises(DataError, match="no photograph has annotations of two people .* anna=anna.xml ben=ben.xml"):
        compare_annotators([folder / "anna"], folder / "out", options, progress=False)
    assert not (folder / "out").exists()


def test_photographs_must_be_in_one_folder(folder: Path) -> None:
    with pytest.raises(DataError, match="are in several folders .*: give that of the photographs with --images"):
        compare_annotators([folder / "anna", folder / "ben"], folder / "out", CorrectionOptions(), progress=False)
    correction(folder / "anna", "d", CAR_BOX)
    options = CorrectionOptions(images=folder / "images")
    with pytest.raises(DataError, match="1 annotated photographs are not in .*images: 'd.png'"):
        compare_annotators([folder / "anna", folder / "ben"], folder / "out", options, progress=False)
