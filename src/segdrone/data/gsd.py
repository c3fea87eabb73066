"""Find the ground sampling distance of training photographs: as it is given, of maps, or from EXIF data."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from segdrone.data.config import DataConfig
from segdrone.data.discovery.pairs import ImageMaskPair
from segdrone.data.maps.manifest import tiles_gsd
from segdrone.errors import DataError
from segdrone.raster.capture import read_capture
from segdrone.raster.ground_view import view_ground

log = logging.getLogger(__name__)

_MOST = 16  # photographs whose headers are read
_LARGEST = 100.0  # centimeters per pixel of a drone's photograph; beyond it its EXIF data are wrong


def find_gsd(config: DataConfig, pairs: Sequence[ImageMaskPair]) -> tuple[float, float] | None:
    """Returns the smallest and the largest centimeters per pixel of photographs at their own size; None if unknown.

    With `config.gsd=auto`, it is that of the maps that the photographs were cut from, or that of photographs taken
    straight down, by the height above takeoff and the focal length in EXIF and XMP data. It is unknown if one of up to
    16 photographs, evenly chosen, lacks them.

    Args:
        config: The choices of the user.
        pairs: The photographs that are trained on; only headers are read.

    Raises:
        DataError: The manifest of the maps cannot be read.
    """
    if config.gsd != "auto":
        return config.gsd
    if (of_maps := tiles_gsd(Path(config.root))) is not None:
        return (round(100 * of_maps[0], 4), round(100 * of_maps[1], 4))
    chosen = np.unique(np.linspace(0, max(0, len(pairs) - 1), min(len(pairs), _MOST)).round().astype(int))
    found = []
    for pair in (pairs[index] for index in chosen.tolist()):
        if (value := _photograph_gsd(pair)) is None:
            return None
        found.append(value)
    if not found:
        return None
    low, high = (round(value, 3) for value in (min(found), max(found)))
    log.info("%.3g to %.3g cm per pixel by EXIF data of %d photographs: data.gsd says otherwise", low, high, len(found))
    return low, high


def _photograph_gsd(pair: ImageMaskPair) -> float | None:
    try:
        meters = view_ground(read_capture(pair.image)).gsd
    except DataError:
        return None
    gsd = None if meters is None else 100 * meters
    return gsd if gsd is not None and 0 < gsd <= _LARGEST and math.isfinite(gsd) else None
