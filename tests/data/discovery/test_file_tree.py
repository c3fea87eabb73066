from __future__ import annotations

from pathlib import Path

import pytest

from segdrone.data.discovery.file_tree import CORRECTIONS_RECORD, PREDICTIONS, image_files
from tests.helpers.dataset_folders import write_photograph


@pytest.mark.parametrize("record", [PREDICTIONS, CORRECTIONS_RECORD])
def test_folders_of_predictions_and_of_earlier_masks_are_passed_over(tmp_path: Path, record: str) -> None:
    for name in ("images/a.jpg", "corrections/x/before/masks/a.png", "corrections/x/changes.png", "corrections/b.jpg"):
        write_photograph(tmp_path / name)
    (tmp_path / "corrections" / "x" / record).write_text("{}")
    assert [str(file) for file in image_files(tmp_path)] == ["corrections/b.jpg", "images/a.jpg"]
    assert len(image_files(tmp_path / "corrections" / "x")) == 2  # the folder itself is what was asked for


def test_thumbnails_and_hidden_files_are_passed_over(tmp_path: Path) -> None:
    for name in ("a.jpg", "@eaDir/a.jpg/SYNOPHOTO_THUMB_XL.jpg", "__MACOSX/a.jpg", ".thumbs/a.jpg", "b/._a.jpg"):
        write_photograph(tmp_path / name)
    assert [str(file) for file in image_files(tmp_path)] == ["a.jpg"]
