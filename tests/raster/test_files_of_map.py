"""The files that a map is read from."""

from __future__ import annotations

from pathlib import Path

import rasterio

from segdrone.raster.files_of_map import measure_file_of_map, with_sources
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


def test_statistics_that_a_gis_writes_are_no_content(tmp_path: Path) -> None:
    file, beside = write_map(tmp_path / "a.tif", random_image(8, 9).transpose(2, 0, 1)), tmp_path / "a.tif.aux.xml"
    names = '<PAMRasterBand band="1"><CategoryNames><Category>road</Category></CategoryNames></PAMRasterBand>'
    beside.write_text(f"<PAMDataset>{names}</PAMDataset>")
    before = measure_file_of_map(beside)
    for _ in range(2):
        with rasterio.open(file) as opened:
            opened.stats()
        assert "STATISTICS_MEAN" in beside.read_text()
        assert measure_file_of_map(beside) == before
    beside.write_text(beside.read_text().replace("road", "roof"))
    assert measure_file_of_map(beside) != before
    assert with_sources([file]) == [file, beside]
    beside.unlink()
    with rasterio.open(file) as opened:
        opened.stats()
    assert beside.exists()
    assert with_sources([file]) == [file]
