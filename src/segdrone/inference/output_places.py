"""Make sure that a file can be written in its place, without removing what others have put there."""

from __future__ import annotations

from pathlib import Path

from segdrone.errors import ConfigError


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


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()
