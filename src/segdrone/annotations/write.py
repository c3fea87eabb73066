"""Write the files of an import: each completely or not at all, and never over unrelated files."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segdrone.annotations.embedded import EmbeddedImage
from segdrone.class_files import CLASSES_FILE, is_table_name, read_class_table
from segdrone.classes import ClassTable
from segdrone.data.discovery.file_tree import CORRECTIONS, CORRECTIONS_RECORD
from segdrone.data.masks.instance_maps import INSTANCES
from segdrone.data.splits.split import SPLITS
from segdrone.errors import DataError
from segdrone.raster.encode import write_gray_png
from segdrone.raster.header import IMAGE_SUFFIXES
from segdrone.utils.atomic import atomic_write
from segdrone.utils.output_dir import StagedResults

IMAGES, MASKS = "images", "masks"


def check_folders(out: Path, photographs: Path) -> None:
    """Checks that the import cannot mix with the folder of the original photographs.

    Raises:
        DataError: `out` is the folder of the photographs or one of images or masks in it, or the photographs are in
            `out`, or `out` is a file, or a dataset with corrected masks.
    """
    absolute = out.resolve()
    if absolute in (photographs, photographs / IMAGES, photographs / MASKS) or any(
        photographs.is_relative_to(absolute / name) for name in (IMAGES, MASKS)
    ):
        raise DataError(f"{out} and the photographs in {photographs} would mix: choose another folder to write to")
    if out.exists() and not out.is_dir():
        raise DataError(f"{out} is a file: give a folder to write to")
    if any(out.glob(f"{CORRECTIONS}/*/{CORRECTIONS_RECORD}")):
        raise DataError(
            f"{out} has corrected masks, which an import would replace: take further corrections with --onto {out}, or "
            "write to another folder"
        )


def check_no_other_import(out: Path, images: Iterable[str]) -> None:
    """Checks that `out` has no photographs or masks other than those that will be written, nor a class table of these.

    Args:
        out: Folder of the dataset.
        images: File names of the photographs that will be written.

    Raises:
        DataError: It has.
    """
    names = {*images}
    masks = {f"{Path(name).stem}.png" for name in names}
    for folder, own in ((out / IMAGES, names), (out / MASKS, masks)):
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".") and path.name not in own:
                raise DataError(f"{path} belongs to another import: remove {out} or choose another folder")
            if folder.name == MASKS and is_table_name(path):
                raise DataError(
                    f"{path} is a class table beside the masks, by which the new ones would be read, not by "
                    f"{out / CLASSES_FILE}: remove it or choose another folder"
                )


def write_pair(mask: NDArray[np.uint8], photograph: Path | EmbeddedImage, name: str, out: Path) -> None:
    """Writes a mask as `masks/NAME.png`, and links or writes its photograph as `images/NAME` with its own suffix.

    Raises:
        DataError: A file cannot be written.
    """
    try:
        write_gray_png(mask, out / MASKS / f"{name}.png", sync=False)
        if isinstance(photograph, EmbeddedImage):
            with atomic_write(out / IMAGES / f"{name}{photograph.suffix}", sync=False) as partial:
                partial.write_bytes(photograph.read())
        else:
            _link(photograph.resolve(), out / IMAGES / f"{name}{photograph.suffix}")
    except OSError as error:
        raise _write_error(out, error) from None


def write_instances(numbers: NDArray[np.uint16], name: str, out: Path) -> None:
    """Writes the numbers of the things of a photograph as `instances/NAME.png`.

    Raises:
        DataError: The file cannot be written.
    """
    try:
        write_gray_png(numbers, out / INSTANCES / f"{name}.png", sync=False)
    except OSError as error:
        raise _write_error(out, error) from None


def split_lists(out: Path) -> list[str]:
    """Returns those of `train.txt`, `val.txt` and `test.txt` that are in a folder."""
    return [f"{split}.txt" for split in SPLITS if (out / f"{split}.txt").is_file()]


def write_split(splits: Mapping[str, Sequence[str]], out: Path) -> None:
    """Writes `train.txt`, `val.txt` and `test.txt` with one file name per line; none for an empty split.

    Args:
        splits: File names of the photographs of each split.
        out: Folder of the dataset.

    Raises:
        DataError: A file cannot be written, or a name contains a line break.
    """
    if broken := [name for names in splits.values() for name in names if "\n" in name]:
        raise DataError(f"{broken[0]} has a line break in its name, which no list of a split can hold: rename it")
    try:
        for split, names in splits.items():
            if names:
                with atomic_write(out / f"{split}.txt") as partial:
                    partial.write_text("".join(f"{name}\n" for name in names), "utf-8", "surrogateescape")
    except OSError as error:
        raise _write_error(out, error) from None


def earlier_things(out: Path) -> tuple[str, ...] | None:
    """Returns the thing classes of the class table that is to be replaced; None if there is none that says them."""
    try:
        return read_class_table(out / CLASSES_FILE).things
    except DataError:
        return None


def write_class_table(table: ClassTable, out: Path) -> None:
    """Writes the class table as `classes.csv`.

    Raises:
        DataError: The file cannot be written.
    """
    try:
        with atomic_write(out / CLASSES_FILE) as partial, partial.open("w", newline="", encoding="utf-8") as file:
            file.write(table.to_csv())
    except OSError as error:
        raise _write_error(out, error) from None


def commit(results: StagedResults) -> None:
    """Puts the files of the import into its folder.

    Raises:
        DataError: The folder cannot be written to.
    """
    try:
        results.commit()
    except OSError as error:
        raise _write_error(results.folder, error) from None


def _link(photograph: Path, path: Path) -> None:
    """Makes `path` a hard link to `photograph`, or a copy if the disk has no hard links."""
    with atomic_write(path, sync=False) as partial:
        partial.unlink()
        try:
            os.link(photograph, partial)
        except OSError:
            shutil.copyfile(photograph, partial)


def _write_error(out: Path, error: OSError) -> DataError:
    return DataError(
        f"{out} cannot be written to ({error.strerror}): free some disk space or choose another folder, and run again"
    )
