"""Files that tiles depend on, recognized by their content."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from segdrone.data.maps.sources import find_rasters, known_files, measure, raster_files
from segdrone.errors import DataError
from segdrone.utils.digest import file_digest
from tests.helpers.image_files import random_image
from tests.helpers.labeled_maps import write_ortho
from tests.helpers.maps import write_map
from tests.helpers.vrt_files import vrt


def test_folders_stand_for_their_maps(tmp_path: Path) -> None:
    for name in ("b.tif", "a.TIF", "c.txt"):
        (tmp_path / name).write_bytes(b"")
    assert [path.name for path in find_rasters([str(tmp_path)])] == ["a.TIF", "b.tif"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="has no map"):
        find_rasters([str(tmp_path / "empty")])


def test_a_map_under_another_path_is_the_same_map(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.tif").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="a.tif is given twice"):
        find_rasters(["a.tif", str(tmp_path / "a.tif")])
    (tmp_path / "latest.tif").symlink_to("a.tif")
    with pytest.raises(DataError, match="latest.tif is given twice"):
        find_rasters([str(tmp_path)])


def test_labels_and_what_a_vrt_reads_are_no_further_maps_of_a_folder(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("a.tif", "b.tif", "mask.tif"):
        write_map(tmp_path / name, random_image(8, 9).transpose(2, 0, 1))
    mask = str(tmp_path / "mask.tif")
    assert [path.name for path in find_rasters([str(tmp_path)], [mask])] == ["a.tif", "b.tif"]
    with pytest.raises(DataError, match="mask.tif is given as a map and as labels"):
        find_rasters([mask], [mask])
    caplog.set_level(logging.INFO, "segdrone")
    vrt(tmp_path / "whole.vrt", "a.tif")
    assert [path.name for path in find_rasters([str(tmp_path)], [mask])] == ["b.tif", "whole.vrt"]
    assert "read by a VRT there are not cut once more: 1, such as a.tif" in caplog.text


def test_what_belongs_to_a_file_counts_too(tmp_path: Path) -> None:
    ortho = write_ortho(tmp_path / "a.tif")
    (tmp_path / "a.tif.aux.xml").write_text("<PAMDataset/>")
    assert {path.name for path in raster_files(ortho)} == {"a.tif", "a.tif.aux.xml"}


def test_a_file_that_did_not_change_is_not_read_again(tmp_path: Path) -> None:
    file = tmp_path / "a.tif"
    file.write_bytes(b"1")
    [first] = measure([file], {})
    assert first.sha256 == file_digest(file)
    known = known_files({"sources": [[first.path, first.state, "remembered"], ["x"], 3]})
    assert measure([file], known)[0].sha256 == "remembered"
    file.write_bytes(b"2")
    assert measure([file], known)[0].sha256 == file_digest(file)
    with pytest.raises(DataError, match="cannot be read"):
        measure([tmp_path / "missing"], {})


def test_what_a_vrt_in_a_vrt_reads_counts_too(tmp_path: Path) -> None:
    write_map(tmp_path / "a.tif", random_image(8, 9).transpose(2, 0, 1))
    vrt(tmp_path / "inner.vrt", "a.tif")
    assert {path.name for path in raster_files(vrt(tmp_path / "b.vrt", "inner.vrt"))} == {"a.tif", "inner.vrt", "b.vrt"}
