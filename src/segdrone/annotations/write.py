"""The files of an import: each whole or not at all, and none over anything else's."""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from segdrone.annotations.shapes import Shape, make_mask
from segdrone.classes import ClassTable
from segdrone.data.mask_encoding import CLASSES_FILE
from segdrone.errors import DataError
from segdrone.raster.header import IMAGE_SUFFIXES, read_size
from segdrone.raster.pixels import count_values
from segdrone.utils.atomic import atomic_write

IMAGES, MASKS, CLASSES = "images", "masks", CLASSES_FILE


def refuse_overlap(out: Path, photographs: Path) -> None:
    """Raises DataError if `out` lies in the folder of the photographs, or they where `out` is written."""
    here = out.resolve()
    if here.is_relative_to(photographs) or any(photographs.is_relative_to(here / name) for name in (IMAGES, MASKS)):
        raise DataError(f"{out} and the photographs in {photographs} would mix: choose another folder to write to")
    if out.exists() and not out.is_dir():
        raise DataError(f"{out} is a file: give a folder to write to")


def refuse_others(out: Path, photographs: Iterable[Path]) -> None:
    """Raises DataError if `out` holds photographs or masks beside those that will be written."""
    names = {path.name for path in photographs}
    stems = {path.stem for path in photographs}
    for folder, mine in ((out / IMAGES, names), (out / MASKS, {f"{stem}.png" for stem in stems})):
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".") and path.name not in mine:
                raise DataError(f"{path} is of another import: remove {out} or choose another folder")


def pair(photograph: Path, shapes: Sequence[Shape], ids: dict[str, int], fill: int, out: Path) -> NDArray[np.int64]:
    """Writes a photograph and its mask; returns how many pixels have each value, int64 `[256]`.

    Raises:
        DataError: A shape cannot be drawn or a file cannot be written.
    """
    mask = make_mask(shapes, read_size(photograph), ids, fill)
    try:
        with atomic_write(out / MASKS / f"{photograph.stem}.png") as partial:
            partial.write_bytes(cv2.imencode(".png", mask)[1].tobytes())
        _link(photograph.resolve(), out / IMAGES / photograph.name)
    except OSError as error:
        raise _unwritable(out, error) from None
    return count_values(mask)


def classes(table: ClassTable, out: Path) -> None:
    """Writes the class table as CSV."""
    try:
        with atomic_write(out / CLASSES) as partial, partial.open("w", newline="", encoding="utf-8") as file:
            rows = [(name, *colour) for name, colour in zip(table.names, table.colours, strict=True)]
            csv.writer(file).writerows([("name", "r", "g", "b"), *rows])
    except OSError as error:
        raise _unwritable(out, error) from None


def _link(photograph: Path, path: Path) -> None:
    """Makes `path` another name of `photograph`, or a copy where the disk has no such names."""
    if path.exists() and path.samefile(photograph):
        return  # replacing a name by itself would leave the temporary one
    with atomic_write(path) as partial:
        try:
            os.link(photograph, partial)
        except OSError:
            shutil.copyfile(photograph, partial)


def _unwritable(out: Path, error: OSError) -> DataError:
    return DataError(
        f"{out} cannot be written to ({error.strerror}): free some disk space or choose another folder, and run again"
    )
