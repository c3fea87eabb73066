"""The files that a map is read from."""

from __future__ import annotations

from pathlib import Path

from segdrone.raster.files_of_map import with_sources
from tests.helpers.image_files import random_image
from tests.helpers.maps import write_map
from tests.helpers.vrt_files import vrt


def test_what_a_vrt_in_a_vrt_reads_counts_too(tmp_path: Path) -> None:
    write_map(tmp_path / "a.tif", random_image(8, 9).transpose(2, 0, 1))
    for name in ("a.tif.msk", "a.tif.aux.xml"):
        (tmp_path / name).write_text("<?xml version='1.0'?><PAMDataset/>")
    inner, outer = vrt(tmp_path / "inner.vrt", "a.tif"), vrt(tmp_path / "outer.vrt", "inner.vrt")
    names = ["outer.vrt", "inner.vrt", "a.tif", "a.tif.msk", "a.tif.aux.xml"]
    assert [path.name for path in with_sources([outer, inner])] == names
    assert with_sources([tmp_path / "missing.tif"]) == []
