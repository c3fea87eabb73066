"""Which files are maps."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from segdrone.raster.map_file import is_map
from tests.helpers.image_files import random_image
from tests.helpers.maps import write_map


def test_a_tiff_is_a_map_if_it_says_where_it_lies(tmp_path: Path) -> None:
    pixels = random_image(8, 9)
    assert is_map(write_map(tmp_path / "map.tif", pixels.transpose(2, 0, 1)))
    Image.fromarray(pixels).save(tmp_path / "photograph.tif")
    assert not is_map(tmp_path / "photograph.tif")
    (tmp_path / "photograph.tfw").write_text("1\n0\n0\n-1\n5\n5\n")
    assert is_map(tmp_path / "photograph.tif")
    Image.fromarray(pixels).save(tmp_path / "B.TIF")
    (tmp_path / "B.TFW").write_text("1\n0\n0\n-1\n5\n5\n")
    assert is_map(tmp_path / "B.TIF")
    Image.fromarray(pixels).save(tmp_path / "photograph.jpg")
    assert not is_map(tmp_path / "photograph.jpg")
    (tmp_path / "broken.tif").write_bytes(b"II*\0")
    assert not is_map(tmp_path / "broken.tif")
