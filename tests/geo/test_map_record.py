"""What the files of a map were made from."""

from __future__ import annotations

from pathlib import Path

from segdrone.geo.map_record import MapRecord


def test_statistics_that_a_gis_adds_do_not_make_a_mask_again(tmp_path: Path) -> None:
    mask, names = tmp_path / "mask.tif", tmp_path / "mask.tif.aux.xml"
    mask.write_text("ids")
    names.write_text("names")
    MapRecord.read(tmp_path / "record.json").finish("mask", {"map": 1}, [mask, names])
    record = MapRecord.read(tmp_path / "record.json")
    names.write_text("names and statistics")
    assert record.is_done("mask", {"map": 1})
    names.unlink()
    assert not record.is_done("mask", {"map": 1})
    names.write_text("names")
    mask.write_text("other ids")
    assert not record.is_done("mask", {"map": 1})
