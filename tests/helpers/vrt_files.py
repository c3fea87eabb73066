"""Small VRTs for tests."""

from __future__ import annotations

from pathlib import Path

VRT = """<VRTDataset rasterXSize="9" rasterYSize="8">{extra}{bands}</VRTDataset>"""
BAND = """<VRTRasterBand dataType="Byte" band="{number}"><ColorInterp>{color}</ColorInterp><SimpleSource>
<SourceFilename relativeToVRT="{relative}">{file}</SourceFilename><SourceBand>{number}</SourceBand>
<SrcRect xOff="0" yOff="0" xSize="9" ySize="8"/><DstRect xOff="0" yOff="0" xSize="9" ySize="8"/>
</SimpleSource></VRTRasterBand>"""


def vrt(path: Path, file: str, relative: int = 1, extra: str = "") -> Path:
    """Writes a VRT of 9 x 8 pixels, red, green and blue, over the bands of a file."""
    bands = [
        BAND.format(number=number, color=color, file=file, relative=relative)
        for number, color in enumerate(("Red", "Green", "Blue"), 1)
    ]
    path.write_text(VRT.format(extra=extra, bands="".join(bands)))
    return path
