"""Positions and world files, kept with a mask."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segdrone.raster.capture import read_capture
from segdrone.raster.encode import write_gray_png
from segdrone.raster.place_tags import copy_world_file, gps_block
from tests.helpers.image_files import random_image

WORLD = "0.05\n0.0\n0.0\n-0.05\n500000.025\n5199999.975\n"


def photograph(path: Path) -> Path:
    exif = Image.Exif()
    exif[0x010F] = "a maker"
    exif[0x8825] = {1: "S", 2: (47.0, 30.0, 18.0), 3: "E", 4: (15.0, 3.0, 36.0)}
    Image.fromarray(random_image(8, 9)).save(path, exif=exif)
    return path


def test_a_mask_has_the_position_of_its_photograph_and_nothing_else(tmp_path: Path) -> None:
    path = photograph(tmp_path / "a.jpg")
    mask = np.random.default_rng(0).integers(0, 5, (8, 9), np.uint8)
    write_gray_png(mask, tmp_path / "mask.png", exif=gps_block(path))
    assert (
        read_capture(tmp_path / "mask.png").position == read_capture(path).position == pytest.approx((-47.505, 15.06))
    )
    with Image.open(tmp_path / "mask.png") as image:
        np.testing.assert_array_equal(np.asarray(image), mask)
        assert 0x010F not in image.getexif()
    write_gray_png(mask, tmp_path / "plain.png", exif=b"")
    assert b"eXIf" not in (tmp_path / "plain.png").read_bytes()


def test_photographs_without_a_position_have_none(tmp_path: Path) -> None:
    for name in ("a.png", "a.jpg", "a.tif"):
        Image.fromarray(random_image(8, 9)).save(tmp_path / name)
        assert gps_block(tmp_path / name) == b""


@pytest.mark.parametrize("end", [".jgw", ".jpgw", ".wld"])
def test_a_world_file_is_copied(tmp_path: Path, end: str) -> None:
    (tmp_path / "a").with_suffix(end).write_text(WORLD)
    assert copy_world_file(tmp_path / "a.jpg", tmp_path / "masks" / "a.png")
    assert (tmp_path / "masks" / "a.pgw").read_text() == WORLD


@pytest.mark.parametrize("end", [".jgw", ".JGW", ".JPGW"])
def test_suffixes_of_cameras_are_in_upper_case(tmp_path: Path, end: str) -> None:
    (tmp_path / "A").with_suffix(end).write_text(WORLD)
    assert copy_world_file(tmp_path / "A.JPG", tmp_path / "A.png")


@pytest.mark.parametrize("text", ["", "1 2 3", "a b c d e f", "\x00\x01", WORLD + "7\n", "1 " * 4000])
def test_what_is_no_world_file_is_left_alone(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.jgw").write_text(text)
    assert not copy_world_file(tmp_path / "a.jpg", tmp_path / "a.png")
    assert not (tmp_path / "a.pgw").exists()


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_the_world_file_of_a_turned_photograph_does_not_fit_its_upright_mask(
    tmp_path: Path, orientation: int, caplog: pytest.LogCaptureFixture
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(random_image(8, 9)).save(tmp_path / "a.jpg", exif=exif)
    (tmp_path / "a.jgw").write_text(WORLD)
    assert copy_world_file(tmp_path / "a.jpg", tmp_path / "masks" / "a.png") == (orientation == 1)
    assert (tmp_path / "masks" / "a.pgw").exists() == (orientation == 1)
    assert ("a.jgw places the pixels as they are stored" in caplog.text) == (orientation != 1)
