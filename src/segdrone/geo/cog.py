"""Write a raster of one byte a pixel as a Cloud Optimized GeoTIFF, without holding it in memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from segdrone.errors import DataError
from segdrone.raster.gdal import gdal_errors, gdal_options
from segdrone.raster.georeference import Georeference
from segdrone.windows import Size

_OPTIONS = {
    "COMPRESS": "DEFLATE",  # read by every GIS; never JPEG, which changes ids
    "LEVEL": "4",
    "BLOCKSIZE": "512",
    "BIGTIFF": "IF_SAFER",
    "NUM_THREADS": "2",
}
_ENVI = """ENVI
samples = {width}
lines = {height}
bands = 1
header offset = 0
file type = ENVI Standard
data type = 1
interleave = bsq
byte order = 0
"""


def write_cog(
    raw: Path,
    size: Size,
    georeference: Georeference | None,
    path: Path,
    *,
    nodata: int,
    resampling: str,
    palette: NDArray[np.uint8] | None = None,
    names: Sequence[str] = (),
) -> None:
    """Writes a file of `H x W` bytes as a tiled and compressed GeoTIFF with overviews.

    Names go to `PATH.aux.xml`, where GDAL keeps them. What is written depends on nothing but the arguments.

    Args:
        raw: The bytes, row by row. Files with other suffixes are written beside it.
        size: Height and width in pixels.
        georeference: Where the pixels lie; None if unknown.
        path: The GeoTIFF.
        nodata: The value of pixels without data.
        resampling: How overviews are made: `mode` for ids, `average` for numbers.
        palette: Color of each value, uint8 `[256, 3]`.
        names: Name of each value from 0 on.

    Raises:
        DataError: GDAL cannot write it, e.g. because the disk is full.
    """
    raw.with_suffix(".hdr").write_text(_ENVI.format(height=size[0], width=size[1]), encoding="ascii")
    if raw.stat().st_size < 2:  # GDAL takes no file of a single byte
        with raw.open("ab") as file:
            file.write(b"\0")
    description = raw.with_suffix(".vrt")
    description.write_bytes(ElementTree.tostring(_describe(raw, size, georeference, nodata, palette, names)))
    with gdal_options() as rasterio:
        try:
            with rasterio.open(description, driver="VRT") as source:
                rasterio.shutil.copy(source, path, driver="COG", OVERVIEW_RESAMPLING=resampling.upper(), **_OPTIONS)
            with rasterio.open(path, driver="GTiff") as written:  # GDAL may notice a full disk only at the end
                written.read(1, window=rasterio.windows.Window(size[1] - 1, size[0] - 1, 1, 1))
        except gdal_errors() as error:
            reason = " ".join(str(error).split())
            raise DataError(
                f"{path} cannot be written ({reason}): free some disk space, or give another --out"
            ) from None


def _describe(
    raw: Path,
    size: Size,
    georeference: Georeference | None,
    nodata: int,
    palette: NDArray[np.uint8] | None,
    names: Sequence[str],
) -> ElementTree.Element:
    """Returns a VRT: GDAL's description of a raster that lies in another file."""
    height, width = map(str, size)
    root = ElementTree.Element("VRTDataset", rasterXSize=width, rasterYSize=height)
    if georeference is not None:
        a, b, c, d, e, f = georeference.transform
        if georeference.crs:
            ElementTree.SubElement(root, "SRS", dataAxisToSRSAxisMapping="1,2").text = georeference.crs
        ElementTree.SubElement(root, "GeoTransform").text = ", ".join(map(repr, (c, a, b, f, d, e)))
    band = ElementTree.SubElement(root, "VRTRasterBand", dataType="Byte", band="1")
    ElementTree.SubElement(band, "NoDataValue").text = str(nodata)
    ElementTree.SubElement(band, "ColorInterp").text = "Gray" if palette is None else "Palette"
    if palette is not None:
        table = ElementTree.SubElement(band, "ColorTable")
        for value, (red, green, blue) in enumerate(palette.tolist()):
            alpha = 0 if value == nodata else 255
            ElementTree.SubElement(table, "Entry", c1=str(red), c2=str(green), c3=str(blue), c4=str(alpha))
    if names:
        categories = ElementTree.SubElement(band, "CategoryNames")
        for name in names:
            ElementTree.SubElement(categories, "Category").text = name
    source = ElementTree.SubElement(band, "SimpleSource")
    ElementTree.SubElement(source, "SourceFilename", relativeToVRT="1").text = raw.name
    ElementTree.SubElement(source, "SourceBand").text = "1"
    for kind in ("SrcRect", "DstRect"):
        ElementTree.SubElement(source, kind, xOff="0", yOff="0", xSize=width, ySize=height)
    return root
