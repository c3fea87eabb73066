"""Imports into a folder that holds an import."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from segdrone.annotations import write
from segdrone.annotations.corrections import CorrectionOptions, import_corrections
from segdrone.class_files import read_class_table
from segdrone.data.discovery.find_dataset import find_dataset
from segdrone.errors import DataError
from tests.annotations.conftest import imported, mask, photograph, refusal
from tests.annotations.test_labelme import labelme, shape
from tests.helpers.annotation_exports import CAR, STREET


def test_import_can_be_repeated_with_other_shapes(folder: Path) -> None:
    out = folder.parent / "out"
    labelme(folder / "a.json", CAR)
    imported(folder, out)
    labelme(folder / "a.json", STREET, CAR)
    imported(folder, out)
    assert mask(out)[15, 15] == 1
    assert read_class_table(out / "classes.csv").names == ("car", "street")
    assert sorted(path.name for path in out.rglob("*") if path.is_file()) == ["a.png", "a.png", "classes.csv"]


def test_import_that_fails_leaves_the_earlier_one(folder: Path) -> None:
    out = folder.parent / "out"
    photograph(folder / "b.png")
    for name in "ab":
        labelme(folder / f"{name}.json", CAR, imagePath=f"{name}.png")
    imported(folder, out)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    labelme(folder / "a.json", STREET, CAR)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(write, "write_split", fail)
        with pytest.raises(KeyboardInterrupt):
            imported(folder, out)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    imported(folder, out)
    assert read_class_table(out / "classes.csv").names == ("car", "street")


def fail(*_: Any) -> None:
    raise KeyboardInterrupt


def test_dataset_whose_import_was_killed_while_it_was_replaced_is_refused(folder: Path) -> None:
    out = folder.parent / "out"
    labelme(folder / "a.json", CAR)
    imported(folder, out)
    (out / ".finished").mkdir()
    with pytest.raises(DataError, match="out holds results that a killed command had begun to replace: run the same"):
        find_dataset(out)
    imported(folder, out)
    assert len(find_dataset(out).pairs) == 1


def test_photographs_of_another_import_are_refused(folder: Path) -> None:
    photograph(folder / "b.png")
    labelme(folder / "a.json", CAR)
    labelme(folder / "b.json", STREET, imagePath="b.png")
    out = folder.parent / "out"
    imported(folder, out)
    (folder / "b.json").unlink()
    (out / "classes.csv").unlink()
    assert "b.png belongs to another import: remove" in refusal(folder, out)


def test_a_class_table_beside_the_masks_is_refused(folder: Path) -> None:
    out = folder.parent / "out"
    labelme(folder / "a.json", CAR)
    imported(folder, out)
    (out / "classes.csv").rename(out / "masks" / "classes.csv")
    labelme(folder / "a.json", STREET, CAR, shape("bush", [[0, 0], [5, 0], [5, 5]]))
    text = refusal(folder, out)
    assert "classes.csv is a class table beside the masks, by which the new ones would be read, not by" in text


def test_corrected_masks_are_not_replaced_by_an_import(folder: Path) -> None:
    out = folder.parent / "out"
    labelme(folder / "a.json", CAR, STREET)
    imported(folder, out)
    labelme(folder / "a.json", STREET, CAR)
    import_corrections([folder], out, CorrectionOptions(), progress=False)
    corrected = mask(out)
    assert corrected[25, 25] == 0
    with pytest.raises(DataError, match="out has corrected masks, which an import would replace: .* --onto"):
        imported(folder, out)
    assert (mask(out) == corrected).all()
