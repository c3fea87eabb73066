"""Which VRTs may be read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from segdrone.errors import ConfigError, DataError
from segdrone.raster import MapSource
from segdrone.windows import Window
from tests.helpers.image_files import random_image
from tests.helpers.maps import write_map
from tests.helpers.vrt_files import BAND, VRT, vrt


def test_a_vrt_reads_what_lies_below_its_folder_and_nothing_else(tmp_path: Path) -> None:
    pixels = random_image(8, 9)
    (tmp_path / "maps").mkdir()
    write_map(tmp_path / "maps" / "a.tif", pixels.transpose(2, 0, 1))
    write_map(tmp_path / "b.tif", pixels.transpose(2, 0, 1))
    source = MapSource(vrt(tmp_path / "maps" / "a.vrt", "a.tif"))
    np.testing.assert_array_equal(source.read(Window(0, 0, 8, 9)), pixels)
    outside = [("../b.tif", 1), (str(tmp_path / "b.tif"), 0), ("/vsicurl/http://127.0.0.1:9/a.tif", 0), ("<VRT/>", 0)]
    for name, relative in outside:
        path = vrt(tmp_path / "maps" / "bad.vrt", name.replace("<", "&lt;"), relative)
        with pytest.raises(ConfigError, match="not below its own folder.*--remote"):
            MapSource(path)
    inner = vrt(tmp_path / "maps" / "inner.vrt", "../b.tif")
    with pytest.raises(ConfigError, match=r"inner\.vrt reads"):
        MapSource(vrt(tmp_path / "maps" / "outer.vrt", inner.name))
    assert MapSource(vrt(tmp_path / "maps" / "told.vrt", "../b.tif"), remote=True).size == (8, 9)
    with pytest.raises(DataError, match="deeper than 5"):
        MapSource(vrt(tmp_path / "maps" / "itself.vrt", "itself.vrt"))


def test_a_vrt_runs_no_program(tmp_path: Path) -> None:
    write_map(tmp_path / "a.tif", random_image(8, 9).transpose(2, 0, 1))
    code = "<PixelFunctionCode><![CDATA[import os; os.system('touch RAN')]]></PixelFunctionCode>"
    with pytest.raises(ConfigError, match="computes its pixels by a program"):
        MapSource(vrt(tmp_path / "a.vrt", "a.tif", extra=code))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<SimpleSource>", '<SimpleSource SourceFilename="SECRET">'),
        ("<VRTDataset", '<VRTDataset subClass="VRTProcessedDataset"'),
        ("<VRTRasterBand", '<VRTRasterBand subClass="VRTDerivedRasterBand"'),
        ("<SimpleSource>", "<OpenOptions><OOI key='X'>SECRET</OOI></OpenOptions><SimpleSource>"),
        ("<ColorInterp>", '<Metadata domain="Overviews"><MDI key="OVERVIEW_FILE">SECRET</MDI></Metadata><ColorInterp>'),
        ("<ColorInterp>", '<Metadata domain="GEOLOCATION"><MDI key="X_DATASET">SECRET</MDI></Metadata><ColorInterp>'),
    ],
)
def test_parts_of_a_vrt_that_may_name_files_are_refused(tmp_path: Path, old: str, new: str) -> None:
    secret = write_map(tmp_path / "secret.tif", random_image(8, 9).transpose(2, 0, 1))
    (tmp_path / "maps").mkdir()
    write_map(tmp_path / "maps" / "a.tif", random_image(8, 9).transpose(2, 0, 1))
    path = vrt(tmp_path / "maps" / "a.vrt", "a.tif")
    MapSource(path)
    path.write_text(path.read_text().replace(old, new.replace("SECRET", str(secret))))
    with pytest.raises(ConfigError, match="may compute pixels by a program or read other files"):
        MapSource(path)


def test_a_source_of_a_vrt_is_a_file_of_a_map(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "maps"
    outside.mkdir()
    folder.mkdir()
    write_map(outside / "a.tif", random_image(8, 9).transpose(2, 0, 1))
    write_map(folder / "a.tif", random_image(8, 9).transpose(2, 0, 1))
    path = folder / "a.vrt"
    with monkeypatch.context() as patch:
        patch.chdir(outside)  # from where GDAL opens what is not relative to the VRT
        with pytest.raises(ConfigError, match="not below its own folder"):
            MapSource(vrt(path, "a.tif", relative=0))
    with pytest.raises(ConfigError, match="not below its own folder"):
        MapSource(vrt(path, "WMS:http://127.0.0.1:9/?a", relative=0))
    path.write_text(vrt(path, "../outside/a.tif").read_text().replace("SourceFilename", "SOURCEFILENAME"))
    with pytest.raises(ConfigError, match="not below its own folder"):
        MapSource(path)
    with pytest.raises(DataError, match="does not exist"):
        MapSource(vrt(path, "b.tif"))
    (folder / "wms.tif").write_text(
        "<GDAL_WMS><Service><ServerUrl>http://127.0.0.1:9/</ServerUrl></Service></GDAL_WMS>"
    )
    with pytest.raises(DataError, match=r"wms\.tif is"):
        MapSource(vrt(path, "wms.tif"))
    vrt(folder / "inner.tif", "../outside/a.tif")  # a VRT, whatever its name
    with pytest.raises(ConfigError, match=r"inner\.tif reads"):
        MapSource(vrt(path, "inner.tif"))
    (folder / "link.tif").symlink_to(outside / "a.tif")
    with pytest.raises(ConfigError, match="not below its own folder"):
        MapSource(vrt(path, "link.tif"))
    item = f'<Metadata domain="OVERVIEWS"><MDI key="OVERVIEW&#95;FILE">{outside}/a.tif</MDI></Metadata>'
    (folder / "a.tif.aux.xml").write_text(f"<PAMDataset>{item}</PAMDataset>")
    with pytest.raises(ConfigError, match="another file as its overview"):
        MapSource(vrt(path, "a.tif"))


def test_vrts_that_multiply_their_sources_are_refused(tmp_path: Path) -> None:
    write_map(tmp_path / "0.vrt.tif", random_image(8, 9).transpose(2, 0, 1))
    band = BAND.format(number=1, color="Gray", file="FILE", relative=1)
    begin, source = band[: band.index("<SimpleSource")], band[band.index("<SimpleSource") :].split("</VRTRaster")[0]
    for level in range(4):
        file = f"{level}.vrt" if level else "0.vrt.tif"
        many = begin + source.replace("FILE", file) * 100 + "</VRTRasterBand>"
        (tmp_path / f"{level + 1}.vrt").write_text(VRT.format(extra="", bands=many))
    assert MapSource(tmp_path / "2.vrt").size == (8, 9)
    with pytest.raises(DataError, match="reads more than 1,000,000 files"):
        MapSource(tmp_path / "4.vrt")
    (tmp_path / "bands.vrt").write_text(VRT.format(extra="", bands="<VRTRasterBand/>" * 5000))
    with pytest.raises(DataError, match="more than 4096 bands"):
        MapSource(tmp_path / "bands.vrt")
