"""Read what the header of a map says: its bands, masks, blocks and place. To be called within `gdal_options`."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segdrone.errors import DataError
from segdrone.raster.channels import Channels
from segdrone.raster.gdal import gdal_errors, import_rasterio
from segdrone.raster.georeference import Georeference

log = logging.getLogger(__name__)

_MAX_BLOCK = 1 << 30  # bytes; a block is decoded as a whole
_LOCAL = "ENGCRS"  # of WKT 2
_IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def choose_bands(dataset: Any, name: str, channels: Channels) -> list[int]:
    """Returns the numbers of the bands that are red, green and blue, or that of the only one.

    Args:
        dataset: An open dataset of rasterio.
        name: Of the map, for messages.
        channels: What the user has chosen.

    Raises:
        DataError: It is not known which they are, or which values are black and white.
    """
    kinds, names = dataset.colorinterp, import_rasterio().enums.ColorInterp
    count = dataset.count
    form = f"{count} band{'s' if count > 1 else ''} of {dataset.dtypes[0]}"
    colors = [kinds.index(kind) + 1 for kind in (names.red, names.green, names.blue) if kind in kinds]
    others = [i + 1 for i, kind in enumerate(kinds) if kind != names.alpha]
    if channels.bands:
        bands = list(channels.bands)
        if max(bands) > count:
            raise DataError(
                f"{name} has {form}, so bands {bands} cannot be taken from it: give the numbers of others, such as "
                "--bands 1,2,3 (data.bands=[1,2,3] in training)"
            )
    elif len(colors) == 3 and len(others) == 3:
        bands = colors
    elif len(others) in (1, 3):
        bands = others
    else:
        raise DataError(
            f"{name} has {form}, and does not say which are red, green and blue: give their numbers, such as "
            "--bands 1,2,3 (data.bands=[1,2,3] in training)"
        )
    chosen = {dataset.dtypes[band - 1] for band in bands}
    if len(chosen) > 1 or any(kind.startswith("complex") for kind in chosen):
        raise DataError(f"{name} has {' and '.join(sorted(chosen))}: convert it (gdal_translate -ot Byte)")
    if chosen != {"uint8"} and kinds[bands[0] - 1] == names.palette:
        raise DataError(
            f"{name} has numbers of colors of {chosen.pop()}, and only those of 8 bits are read: write its colors "
            "(gdal_translate -expand rgb)"
        )
    if chosen != {"uint8"} and channels.stretch is None:
        example = "0,1" if chosen.pop().startswith("float") else "0,4095"
        raise DataError(
            f"{name} has {form}, not 8 bits per channel: give the values that become black and white, such as "
            f"--stretch {example} (data.stretch=[{example}] in training)"
        )
    return bands


def read_palette(dataset: Any, name: str, band: int) -> NDArray[np.uint8] | None:
    """Returns the colors of a band with a palette, uint8 `[256, 3]`; None if it has none.

    Raises:
        DataError: Its colors are missing.
    """
    if dataset.colorinterp[band - 1] != import_rasterio().enums.ColorInterp.palette:
        return None
    try:
        colors = dataset.colormap(band)
    except ValueError:
        raise DataError(
            f"{name} has numbers of colors, and no colors: write it with colors again (gdal_translate)"
        ) from None
    palette = np.zeros((256, 3), np.uint8)
    for value, color in colors.items():
        if 0 <= value < 256:
            palette[value] = color[:3]
    return palette


def is_white_zero(dataset: Any) -> bool:
    """Whether 0 is white, which GDAL tells and does not apply: such a gray TIFF is inverted to be shown."""
    return bool(dataset.tags(ns="IMAGE_STRUCTURE").get("MINISWHITE") == "YES")


def find_masks(dataset: Any, bands: Sequence[int]) -> tuple[int, bool]:
    """Returns the number of the alpha band, 0 for none, and whether the file has a mask of its own.

    Args:
        dataset: An open dataset of rasterio.
        bands: Those that are red, green and blue: one of them that the file calls alpha is near infrared.
    """
    rasterio = import_rasterio()
    band = bands[0]
    kinds, flags = dataset.colorinterp, dataset.mask_flag_enums[band - 1]
    alpha = rasterio.enums.ColorInterp.alpha
    masks = rasterio.enums.MaskFlags  # none of them: each band has a mask of its own
    has_mask = not {masks.alpha, masks.all_valid, masks.nodata} & {*flags}
    has_mask |= masks.nodata in flags and dataset.nodatavals[band - 1] is None  # NODATA_VALUES of all bands together
    number = kinds.index(alpha) + 1 if alpha in kinds else 0
    return (0 if number in bands else number), has_mask


def crs_of(dataset: Any) -> str:
    """Returns the coordinate system of a dataset of rasterio as WKT 2; empty if there is none."""
    return str(dataset.crs.to_wkt(version="WKT2_2019")) if dataset.crs else ""


def read_georeference(dataset: Any, name: str) -> Georeference | None:
    """Returns where the pixels lie; None if the file does not say it in a form that can be used, which is told."""
    try:
        _ = dataset.colorinterp  # GDAL reads the coordinate system with it, and may fail here
        crs = crs_of(dataset)
    except gdal_errors() as error:
        log.warning(
            "%s has a coordinate system that cannot be read (%s): assign one with gdal_edit.py -a_srs",
            name, " ".join(str(error).split())[:200],
        )  # fmt: skip
        crs = ""
    if crs.startswith(_LOCAL):
        log.warning("%s has a local coordinate system, which is nowhere on Earth: it is taken for none", name)
        crs = ""
    transform = tuple(dataset.transform)[:6]
    points, _ = dataset.gcps
    place = Georeference(crs, transform)
    if transform == _IDENTITY:
        if points:
            log.warning(
                "%s has ground control points and no transform, so its result stays in pixels: rectify it first "
                "(gdalwarp)",
                name,
            )
        return None
    if not place.is_usable:
        log.warning(
            "%s has a transform of %s, which places nothing, so its result stays in pixels: mend it (gdal_edit)",
            name, ", ".join(f"{value:g}" for value in transform),
        )  # fmt: skip
        return None
    return place


def check_blocks(dataset: Any, name: str) -> None:
    """Refuses a raster that can be decoded only in parts that take too much memory.

    Raises:
        DataError: It is such a raster.
    """
    (height, width), kind = dataset.block_shapes[0], np.dtype(dataset.dtypes[0].replace("complex_int16", "int32"))
    together = dataset.count if dataset.interleaving is not None and dataset.interleaving.name == "pixel" else 1
    if height * width * kind.itemsize * together > _MAX_BLOCK:
        raise DataError(
            f"{name} stores {width} x {height} pixels as one block, which takes too much memory: write it in tiles "
            "(gdal_translate -co TILED=YES)"
        )
