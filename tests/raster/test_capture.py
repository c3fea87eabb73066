"""When and where a photograph was taken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segdrone.errors import DataError
from segdrone.raster.capture import Capture, read_capture
from tests.helpers.capture import save_with_exif


def test_time_position_height_and_footprint(tmp_path: Path) -> None:
    path = save_with_exif(tmp_path / "a.jpg", (-47.25, 15.5), time="2024:05:01 10:22:33", height=20, focal=24)
    assert read_capture(path) == Capture("2024-05-01T10:22:33", (-47.25, 15.5), 20.0, 30.0)  # 36 mm / 24 mm x 20 m


@pytest.mark.parametrize("time", ["0000:00:00 00:00:00", "yesterday", ""])
def test_what_is_no_time_is_unknown(tmp_path: Path, time: str) -> None:
    assert read_capture(save_with_exif(tmp_path / "a.jpg", time=time)).time == ""


def test_no_satellites_are_no_position(tmp_path: Path) -> None:
    assert read_capture(save_with_exif(tmp_path / "a.jpg", (0.0, 0.0))).position is None
    assert read_capture(save_with_exif(tmp_path / "b.jpg", (91.0, 10.0))).position is None


@pytest.mark.parametrize("suffix", ["png", "tif", "webp", "jpg"])
def test_files_without_exif_say_nothing(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(np.zeros((6, 9, 3), np.uint8)).save(path)
    assert read_capture(path) == Capture()


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_broken_exif_is_unknown(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.fromarray(np.zeros((6, 9, 3), np.uint8)).save(path, exif=b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\xff\xff")
    assert read_capture(path) == Capture()


def test_a_file_that_is_no_image_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("no")
    with pytest.raises(DataError):
        read_capture(tmp_path / "a.jpg")
