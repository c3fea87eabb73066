"""Name the files of a dataset's folder that are no images by their suffix."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from segdrone.raster.file_kind import describe_others
from segdrone.raster.header import IMAGE_SUFFIXES

_ANNOTATIONS = (".txt", ".json", ".xml")
_SYSTEM = ("thumbs.db", "desktop.ini")


def other_files(folder: Path) -> list[Path]:
    """Returns the files directly in a folder that are no images by their suffix, without those of the system."""
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() not in IMAGE_SUFFIXES
        and not path.name.startswith(".")
        and path.name.lower() not in _SYSTEM
        and path.is_file()
    )


def describe_suffixes(paths: Iterable[Path]) -> str:
    """Returns numbers of files by suffix.

    Example:
        >>> describe_suffixes([Path("a.heic"), Path("b.HEIC"), Path("c.mp4")])
        '2 .heic, 1 .mp4'
    """
    counts = Counter(path.suffix.lower() or "without suffix" for path in paths)
    return ", ".join(f"{count} {suffix}" for suffix, count in counts.most_common(4))


def say_unreadable(folder: Path) -> str:
    """Returns why a folder holds no images, in words that end with what to do."""
    if not folder.is_dir():
        return f"{folder} is not a folder: fix the path"
    files = other_files(folder)
    nested = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if not files:
        only = f"only folders without any ({', '.join(nested[:3])})" if nested else "no files at all"
        return f"{folder} holds no images ({', '.join(IMAGE_SUFFIXES)}), {only}: give the folder that does"
    remedy = "; ".join(describe_others(files)) or "give the folder that does"
    if {path.suffix.lower() for path in files} & {*_ANNOTATIONS}:
        remedy = "if they are annotations of a labeling tool, make masks of them with segdrone data import"
    return f"{folder} holds no images ({', '.join(IMAGE_SUFFIXES)}) but {describe_suffixes(files)}: {remedy}"
