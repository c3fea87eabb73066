"""Find and read instance maps: the number of the thing that each pixel of a photograph shows."""

from __future__ import annotations

import logging
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from segdrone.data.discovery.dataset_files import DatasetFiles
from segdrone.data.masks.stored_mask import read_stored
from segdrone.errors import DataError
from segdrone.windows import Size

log = logging.getLogger(__name__)

INSTANCES = "instances"
_SUFFIXES = (".png", ".tif", ".tiff")
_MOST = 65535


def find_instance_maps(files: DatasetFiles) -> dict[str, Path]:
    """Returns the instance map of each photograph, by id; empty if the dataset has none.

    They are in `instances/` beside the folder of the masks, under the names of the masks. A folder of that name without
    any such file is passed over, with a warning.

    Args:
        files: The files of the dataset.

    Raises:
        DataError: Some photographs have a file there, and some have none.
    """
    folder = files.masks.parent / INSTANCES
    if not folder.is_dir():
        return {}
    found, missing = {}, []
    for pair in files.pairs:
        stem = folder / pair.mask.relative_to(files.masks).with_suffix("")
        candidates = (stem.with_name(stem.name + suffix) for suffix in _SUFFIXES)
        if (path := next((path for path in candidates if path.is_file()), None)) is None:
            missing.append(pair.id)
        else:
            found[pair.id] = path
    if not found:
        log.warning("%s has no file of the name of a mask: things are connected components of the masks", folder)
    elif missing:
        raise DataError(
            f"{len(missing)} of {len(files.pairs)} photographs, {missing[0]} first, have no file of the name of their "
            f"mask in {folder}: add the instance maps, or rename the folder to score connected components as things"
        )
    return found


def read_instance_map(path: Path, size: Size) -> NDArray[np.uint16]:
    """Reads an instance map.

    Args:
        path: A gray image whose values are the numbers of things; 0 is none.
        size: Height and width at which it is needed; pixels are chosen as `resize_mask` does.

    Returns:
        uint16 `[H, W]`.

    Raises:
        DataError: The file is not such an image, has other proportions, or has numbers above 65,535.
    """
    try:
        stored = read_stored(path).values
    except DataError as error:
        raise error if str(path) in str(error) else DataError(f"{path} {error}") from None
    if stored is None or stored.dtype.kind not in "ui":
        raise DataError(f"{path} has no numbers of things, but colors or fractions: write a gray PNG of 16 bits")
    if stored.size and int(stored.max()) > _MOST:
        raise DataError(f"{path} has the number {stored.max()}: number at most {_MOST:,} things, from 1 on")
    height, width = stored.shape
    if abs(height * size[1] - width * size[0]) > max(height, width, *size):  # more than rounding
        raise DataError(
            f"{path} is {width} x {height} pixels, and its mask {size[1]} x {size[0]}: write it at the size of the mask"
        )
    values = stored.astype(np.uint16)
    if (height, width) != tuple(size):
        values = np.asarray(cv2.resize(values, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT), np.uint16)
    return values
