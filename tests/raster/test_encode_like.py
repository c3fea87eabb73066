from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from segdrone.errors import DataError
from segdrone.raster.encode_like import write_like

BEFORE, AFTER = np.zeros((2, 4), np.uint8), np.arange(8, dtype=np.uint8).reshape(2, 4)


def test_a_geotiff_keeps_its_place(tmp_path: Path) -> None:
    path, new = tmp_path / "a.tif", tmp_path / "b.tif"
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[33550], tags[33922] = (0.5, 0.5, 0.0), (0.0, 0.0, 0.0, 500000.0, 5200000.0, 0.0)
    tags.tagtype[33550] = tags.tagtype[33922] = 12
    Image.fromarray(BEFORE).save(path, tiffinfo=tags)
    write_like(AFTER, None, None, new, path)
    with Image.open(new) as image:
        found: Any = image.tag_v2  # type: ignore[attr-defined]
        np.testing.assert_array_equal(np.asarray(image), AFTER)
        assert found[33550] == (0.5, 0.5, 0.0) and found[33922][3:5] == (500000.0, 5200000.0)


def test_other_formats_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.fromarray(BEFORE).save(path)
    with pytest.raises(DataError, match="a.jpg is a JPEG file, which is not written here: convert the masks to PNG"):
        write_like(AFTER, None, None, tmp_path / "b.jpg", path)
    pages = tmp_path / "a.tif"
    Image.fromarray(BEFORE).save(pages, save_all=True, append_images=[Image.fromarray(BEFORE)])
    with pytest.raises(DataError, match="a.tif has 2 pages"):
        write_like(AFTER, None, None, tmp_path / "b.tif", pages)
    assert sorted(tmp_path.iterdir()) == [path, pages]


def test_values_of_more_than_16_bits_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    Image.fromarray(AFTER.astype(np.float32)).save(path)
    with pytest.raises(DataError, match="a.tif has values of type float32: convert the masks to PNG first"):
        write_like(AFTER.astype(np.float32), None, None, tmp_path / "b.tif", path)
