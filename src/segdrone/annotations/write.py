"""Write the files of an import: each completely or not at all, and never over unrelated files."""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from segdrone.annotations.shapes import Shape, rasterize
from segdrone.classes import ClassTable
from segdrone.data.layout import CLASSES_FILE
from segdrone.errors import DataError
from segdrone.raster.header import IMAGE_SUFFIXES, read_size
from segdrone.raster.pixels import count_values
from segdrone.utils.atomic import atomic_write

IMAGES, MASKS = "images", "masks"


def check_folders(out: Path, photographs: Path) -> None:
    """Checks that the import cannot mix with the folder of the original photographs.

    Raises:
        DataError: `out` is inside the folder of the photographs or the reverse, or `out` is a file.
    """
    absolute = out.resolve()
    if absolute.is_relative_to(photographs) or any(
        photographs.is_relative_to(absolute / name) for name in (IMAGES, MASKS)
    ):
        raise DataError(f"{out} and the photographs in {photographs} would mix: choose another folder to write to")
    if out.exists() and not out.is_dir():
        raise DataError(f"{out} is a file: give a folder to write to")


def check_no_other_import(out: Path, photographs: Iterable[Path]) -> None:
    """Checks that `out` has no photographs or masks other than those that will be written.

    Raises:
        DataError: It has.
    """
    photographs = [*photographs]
    names, masks = {path.name for path in photographs}, {f"{path.stem}.png" for path in photographs}
    for folder, own in ((out / IMAGES, names), (out / MASKS, masks)):
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".") and path.name not in own:
                raise DataError(f"{path} belongs to another import: remove {out} or choose another folder")


def write_pair(
    photograph: Path, shapes: Sequence[Shape], ids: dict[str, int], fill: int, out: Path
) -> NDArray[np.int64]:
    """Writes a photograph and its mask; returns how many pixels have each value, int64 `[256]`.

    Raises:
        DataError: A shape cannot be drawn or a file cannot be written.
    """
    mask = rasterize(shapes, read_size(photograph), ids, fill)
    try:
        with atomic_write(out / MASKS / f"{photograph.stem}.png") as partial:
            partial.write_bytes(cv2.imencode(".png", mask)[1].tobytes())
        _link(photograph.resolve(), out / IMAGES / photograph.name)
    except OSError as error:
        raise _write_error(out, error) from None
    return count_values(mask)


def write_class_table(table: ClassTable, out: Path) -> None:
    """Writes the class table as `classes.csv`.

    Raises:
        DataError: The file cannot be written.
    """
    try:
        with atomic_write(out / CLASSES_FILE) as partial, partial.open("w", newline="", encoding="utf-8") as file:
            rows = [(name, *color) for name, color in zip(table.names, table.colours, strict=True)]
            csv.writer(file).writerows([("name", "r", "g", "b"), *rows])
    except OSError as error:
        raise _write_error(out, error) from None


def _link(photograph: Path, path: Path) -> None:
    """Makes `path` a hard link to `photograph`, or a copy if the disk has no hard links."""
    if path.exists() and path.samefile(photograph):
        return  # renaming one link of a file to another leaves both in place
    with atomic_write(path) as partial:
        try:
            os.link(photograph, partial)
        except OSError:
            shutil.copyfile(photograph, partial)


def _write_error(out: Path, error: OSError) -> DataError:
    return DataError(
        f"{out} cannot be written to ({error.strerror}): free some disk space or choose another folder, and run again"
    )
