from __future__ import annotations

from pathlib import Path

import pytest

from segdrone.data.discovery.file_tree import CORRECTIONS_RECORD, PICKS, PREDICTIONS, SEGMENTS, image_files
from tests.helpers.dataset_folders import write_photograph


@pytest.mark.parametrize("record", [PREDICTIONS, CORRECTIONS_RECORD])
def test_folders_of_predictions_and_of_earlier_masks_are_passed_over(tmp_path: Path, record: str) -> None:
    for name in ("images/a.jpg", "corrections/x/before/masks/a.png", "corrections/x/changes.png", "corrections/b.jpg"):
        write_photograph(tmp_path / name)
    (tmp_path / "corrections" / "x" / record).write_text("{}")
    assert [str(file) for file in image_files(tmp_path)] == ["corrections/b.jpg", "images/a.jpg"]
    assert len(image_files(tmp_path / "corrections" / "x")) == 2  # the folder itself is what was asked for


@pytest.mark.parametrize("record", [SEGMENTS, PICKS])
def test_pictures_of_segments_and_of_what_was_picked_are_passed_over(tmp_path: Path, record: str) -> None:
    for name in ("a.jpg", "made/outlines/a.jpg", "made/labels/a.png", "made/sheet.jpg", "mine/b.jpg"):
        write_photograph(tmp_path / name)
    (tmp_path / "made" / record).write_text('{"segdrone": "0.1.0"}')
    (tmp_path / "mine" / record).write_text('{"labels": []}')
    assert [str(file) for file in image_files(tmp_path)] == ["a.jpg", "mine/b.jpg"]


def test_thumbnails_and_hidden_files_are_passed_over(tmp_path: Path) -> None:
    for name in ("a.jpg", "@eaDir/a.jpg/SYNOPHOTO_THUMB_XL.jpg", "__MACOSX/a.jpg", ".thumbs/a.jpg", "b/._a.jpg"):
        write_photograph(tmp_path / name)
    assert [str(file) for file in image_files(tmp_path)] == ["a.jpg"]
