"""Image files that are written."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from segdrone.classes import DRONE
from segdrone.raster.encode import write_gray_png, write_jpeg, write_palette_png
from tests.helpers.image_files import gradient_image, random_ids


def test_a_gray_png_holds_the_values(tmp_path: Path) -> None:
    write_gray_png(random_ids(), tmp_path / "new" / "a.png")
    with Image.open(tmp_path / "new" / "a.png") as image:
        assert image.mode == "L"
        np.testing.assert_array_equal(np.asarray(image), random_ids())


def test_a_mask_of_more_rows_than_opencv_writes(tmp_path: Path) -> None:
    mask = np.arange(1_000_100, dtype=np.uint8)[:, None]
    write_gray_png(mask, tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        np.testing.assert_array_equal(np.asarray(image), mask)


def test_an_even_mask_is_small(tmp_path: Path) -> None:
    mask = np.repeat(np.repeat(random_ids(), 40, axis=0), 40, axis=1)
    write_gray_png(mask, tmp_path / "a.png")
    fastest = cv2.imencode(".png", mask, (cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, 0))[1]
    assert (tmp_path / "a.png").stat().st_size < len(fastest)


def test_a_palette_png_shows_the_colors_and_holds_the_ids(tmp_path: Path) -> None:
    write_palette_png(random_ids(), DRONE.palette, tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        assert image.mode == "P"
        np.testing.assert_array_equal(np.asarray(image), random_ids())
        np.testing.assert_array_equal(np.asarray(image.convert("RGB")), DRONE.palette[random_ids()])


def test_a_jpeg_resembles_the_image(tmp_path: Path) -> None:
    image = gradient_image(64, 96)
    write_jpeg(image, tmp_path / "a.jpg")
    write_jpeg(image, tmp_path / "b.jpg", quality=20)
    with Image.open(tmp_path / "a.jpg") as stored:
        assert np.abs(np.asarray(stored).astype(int) - image).mean() < 3
    assert (tmp_path / "b.jpg").stat().st_size < (tmp_path / "a.jpg").stat().st_size


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.png").mkdir()
    with pytest.raises(OSError):
        write_gray_png(random_ids(), tmp_path / "a.png")
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
