"""Make sure that a file can be written in its place, without removing what others have put there."""

from __future__ import annotations

from contextlib import suppress
from itertools import count
from pathlib import Path

import numpy as np

from segdrone.errors import ConfigError, DataError
from segdrone.raster.decode import read_image

CHANGED = "changed"
"""Folder of files that somebody changed before they were made anew."""


def check_place(file: Path, folder: Path) -> None:
    """Checks that neither a folder with files is in the place of a file, nor a file in that of its folders.

    Args:
        file: The file, which may exist.
        folder: The output folder, above it.

    Raises:
        ConfigError: One is; it is not of segdrone, and stays.
    """
    parents = [parent for parent in file.parents if parent.is_relative_to(folder)]
    wrong = next((path for path in parents if path.exists() and not path.is_dir()), None)
    if wrong is not None:
        raise ConfigError(f"{wrong} is a file where predictions need a folder: move it, or give another --out")
    if _is_folder(file) and any(file.iterdir()):
        raise ConfigError(
            f"{file} is a folder with files, where a file is to be written: move it, or give another --out"
        )


def clear_place(file: Path) -> None:
    """Removes an empty folder in the place of a file."""
    if _is_folder(file):
        file.rmdir()


def remove_empty(folder: Path) -> None:
    """Removes a folder, and those in it, as far as they hold no files."""
    for path in [*sorted(folder.rglob("*/"), reverse=True), folder]:
        with suppress(OSError):  # has files, or is none
            path.rmdir()


def set_aside(file: Path, place: Path) -> Path:
    """Moves a file that somebody changed, before it is made anew.

    Args:
        file: The file.
        place: Where to; `-1` is added to the name, or `-2` if there is one, and so on.

    Returns:
        Where it is now.
    """
    numbered = (place.with_name(f"{place.stem}-{number}{place.suffix}") for number in count(1))
    free = next(path for path in numbered if not path.exists())
    free.parent.mkdir(parents=True, exist_ok=True)
    return file.rename(free)


def is_whole_image(file: Path) -> bool:
    """Whether an image can be decoded, unlike what a power cut leaves."""
    try:
        read_image(file)
    except DataError:
        return False
    return True


def is_same_image(one: Path, other: Path) -> bool:
    """Whether two images have the same pixels.

    Raises:
        DataError: One cannot be read.
    """
    return np.array_equal(read_image(one), read_image(other))


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()
