"""Formats are recognized by their content, or refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from segdrone.annotations import ANNOTATION_FORMATS
from tests.annotations import test_coco
from tests.annotations.conftest import document, imported, photograph, refusal
from tests.annotations.test_labelme import labelme
from tests.helpers.annotation_exports import CAR, EXPORTS


@pytest.fixture
def every_name(folder: Path) -> Path:
    """A folder with the photographs that all of `EXPORTS` name."""
    for name in ("a.jpg", "frame_000000.png"):
        photograph(folder.parent / "photographs" / name)
    shutil.copy(folder / "a.png", folder.parent / "photographs" / "a.png")
    return folder.parent / "photographs"


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("kind", ANNOTATION_FORMATS)
def test_each_format_is_recognized(tmp_path: Path, every_name: Path, kind: str, named: bool) -> None:
    path = EXPORTS[kind](tmp_path / "export")
    (every_name / "a.jpg").unlink() if kind != "coco-panoptic" else None
    summary = imported(path, tmp_path / "out", images=every_name, annotation_format=kind if named else None)
    assert (summary.annotation_format, summary.photographs, summary.shapes.sum()) == (kind, 1, 1)


@pytest.mark.parametrize("kind", ANNOTATION_FORMATS)
def test_folder_of_each_format_is_recognized(tmp_path: Path, every_name: Path, kind: str) -> None:
    EXPORTS[kind](tmp_path / "export")
    (every_name / "a.jpg").unlink() if kind != "coco-panoptic" else None
    assert imported(tmp_path / "export", tmp_path / "out", images=every_name).annotation_format == kind


@pytest.mark.parametrize("kind", ANNOTATION_FORMATS)
@pytest.mark.parametrize("other", ANNOTATION_FORMATS)
def test_formats_are_not_confused(folder: Path, kind: str, other: str) -> None:
    path = EXPORTS[kind](folder)
    if kind != other:
        assert f"is not in the format {other}: give the right --format" in refusal(
            path, folder.parent / "out", annotation_format=other
        )


def test_formats_cannot_be_mixed(folder: Path) -> None:
    labelme(folder / "a.json", CAR)
    test_coco.coco(folder / "b.json")
    text = refusal(folder, folder.parent / "out")
    assert f"holds annotations in 2 formats: labelme ({folder / 'a.json'}), coco ({folder / 'b.json'}): choose" in text
    summary = imported(folder, folder.parent / "out", annotation_format="labelme")
    assert summary.notes == [f"passed over: 1 files that hold no such annotations: {folder / 'b.json'}"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("{", "a.json is broken JSON"),
        ("[" * 200_000, "a.json is nested too deeply"),
        (
            "{}",
            "contains no annotations in a known format: export it as labelme, labelme-xml, coco, coco-panoptic, cvat",
        ),
        ("3", "a.json contains no annotations in a known format"),
        ("[]", "a.json contains no annotations in a known format"),
        ("[[]]", "a.json contains no annotations in a known format"),
    ],
)
def test_unknown_format_is_refused(folder: Path, content: str, expected: str) -> None:
    document(folder / "a.json", content)
    assert expected in refusal(folder, folder.parent / "out")
