"""Which files are maps, and which of them may be read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segdrone.errors import ConfigError, DataError
from segdrone.raster import MapSource
from segdrone.raster.map_file import is_map
from segdrone.windows import Window
from tests.helpers.image_files import random_image
from tests.helpers.maps import write_map

VRT = """<VRTDataset rasterXSize="9" rasterYSize="8">{extra}{bands}</VRTDataset>"""
BAND = """<VRTRasterBand dataType="Byte" band="{number}"><ColorInterp>{color}</ColorInterp><SimpleSource>
<SourceFilename relativeToVRT="{relative}">{file}</SourceFilename><SourceBand>{number}</SourceBand>
<SrcRect xOff="0" yOff="0" xSize="9" ySize="8"/><DstRect xOff="0" yOff="0" xSize="9" ySize="8"/>
</SimpleSource></VRTRasterBand>"""


def vrt(path: Path, file: str, relative: int = 1, extra: str = "") -> Path:
    bands = [
        BAND.format(number=number, color=color, file=file, relative=relative)
        for number, color in enumerate(("Red", "Green", "Blue"), 1)
    ]
    path.write_text(VRT.format(extra=extra, bands="".join(bands)))
    return path


def test_a_tiff_is_a_map_if_it_says_where_it_lies(tmp_path: Path) -> None:
    pixels = random_image(8, 9)
    assert is_map(write_map(tmp_path / "map.tif", pixels.transpose(2, 0, 1)))
    Image.fromarray(pixels).save(tmp_path / "photograph.tif")
    assert not is_map(tmp_path / "photograph.tif")
    (tmp_path / "photograph.tfw").write_text("1\n0\n0\n-1\n5\n5\n")
    assert is_map(tmp_path / "photograph.tif")
    Image.fromarray(pixels).save(tmp_path / "photograph.jpg")
    assert not is_map(tmp_path / "photograph.jpg")
    (tmp_path / "broken.tif").write_bytes(b"II*\0")
    assert not is_map(tmp_path / "broken.tif")


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


@pytest.mark.parametrize("address", ["https://127.0.0.1:9/a.tif", "s3://bucket/a.tif", "/vsicurl/http://127.0.0.1:9/a"])
def test_addresses_are_read_only_if_asked_for(address: str) -> None:
    with pytest.raises(ConfigError, match="address of the network: give --remote"):
        MapSource(address)


@pytest.mark.parametrize("suffix", [".ovr", ".msk"])
def test_what_lies_beside_a_map_reads_no_other_file(tmp_path: Path, suffix: str) -> None:
    path = write_map(tmp_path / "a.tif", random_image(8, 9).transpose(2, 0, 1))
    write_map(tmp_path / "secret.tif", random_image(8, 9).transpose(2, 0, 1))
    beside = vrt(tmp_path / f"a.tif{suffix}", str(tmp_path / "secret.tif"), 0)
    with pytest.raises(DataError, match=rf"a\.tif\{suffix} is no TIFF"):
        MapSource(path)
    beside.write_text("<GDAL_WMS/>")
    with pytest.raises(DataError, match="remove it"):
        MapSource(path)


def test_a_map_that_names_another_file_as_its_overview_is_refused(tmp_path: Path) -> None:
    path = write_map(tmp_path / "a.tif", random_image(8, 9).transpose(2, 0, 1))
    secret = write_map(tmp_path / "secret.tif", random_image(8, 9).transpose(2, 0, 1))
    item = f'<Metadata domain="OVERVIEWS"><MDI key="OVERVIEW_FILE">{secret}</MDI></Metadata>'
    (tmp_path / "a.tif.aux.xml").write_text(f"<PAMDataset>{item}</PAMDataset>")
    with pytest.raises(ConfigError, match="names another file as its overview"):
        MapSource(path)
    assert MapSource(path, remote=True).size == (8, 9)
