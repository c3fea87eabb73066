"""List the image files of a dataset's folder."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath

from segdrone.errors import DataError
from segdrone.raster.header import IMAGE_SUFFIXES
from segdrone.utils.bounded import UnreadableError, read_json

PREDICTIONS = "predict.json"
"""The file by which a folder of predictions is recognized; its masks are no part of a dataset."""

CORRECTIONS = "corrections"
"""Folder of a dataset that holds the masks which corrections replaced, those of each time in a folder of their own."""

CORRECTIONS_RECORD = "corrections.json"
"""The file by which a folder of masks is recognized that corrections replaced; they are no part of a dataset either."""

SEGMENTS, PICKS = "segment.json", "pick.json"
"""The files by which folders of `segdrone segment` and `segdrone data pick` are recognized; their pictures are no
photographs."""

STATISTICS = ("stats.json", "classes.png", "cooccurrence.png")
"""The files by which a folder of statistics is recognized; its plots are no photographs."""

_DEPTH = 7  # folders below the root that are searched
_SYSTEM = (".", "__MACOSX", "@eaDir")  # hidden folders, what macOS adds to archives, thumbnails of Synology's disks


def image_files(folder: Path) -> list[PurePosixPath]:
    """Returns the image files below a folder, relative to it, folder by folder.

    Hidden ones, predictions, segments, plots of statistics, what was picked to label, and masks that corrections
    replaced are left out.
    """
    found: list[PurePosixPath] = []
    above: dict[str, set[str]] = {}  # where links lead in a circle
    for parent, folders, names in os.walk(folder, followlinks=True):
        relative, real = PurePosixPath(os.path.relpath(parent, folder)), os.path.realpath(parent)
        outer = above.get(os.path.dirname(parent), set())
        is_other = CORRECTIONS_RECORD in names or {*STATISTICS} <= {*names} or is_output(parent, names)
        if real in outer or len(relative.parts) > _DEPTH or (relative.parts and is_other):
            folders.clear()
            continue
        above[parent] = {*outer, real}
        folders[:] = [name for name in sorted(folders) if not name.startswith(_SYSTEM)]
        found += [
            relative / name
            for name in sorted(names)
            if os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES and not name.startswith(".")
        ]
    return found


def is_output(folder: str, names: Sequence[str]) -> bool:
    """Whether `segdrone predict`, `segment` or `data pick` wrote a folder: pictures in it are no photographs.

    Args:
        folder: The folder.
        names: Of the files in it.
    """
    for name in {SEGMENTS, PICKS}.intersection(names):  # which others may use, too
        with suppress(UnreadableError):
            content = read_json(Path(folder, name))
            if isinstance(content, dict) and "segdrone" in content:
                return True
    return PREDICTIONS in names


def by_folder(files: Iterable[PurePosixPath]) -> dict[PurePosixPath, list[PurePosixPath]]:
    """Returns files by their folder."""
    found: dict[PurePosixPath, list[PurePosixPath]] = defaultdict(list)
    for file in files:
        found[file.parent].append(file)
    return dict(found)


def named_folder(root: Path, folder: str, key: str) -> Path:
    """Returns a folder that the user named, below `root` or relative to the working folder.

    Args:
        root: The dataset's folder.
        folder: Path of the folder.
        key: The configuration key it was given by, for the error.

    Raises:
        DataError: The folder does not exist.
    """
    for path in (root / folder, Path(folder)):
        if path.is_dir():
            return path
    raise DataError(f"{key}={folder} is not a folder, neither below data.root={root} nor here: fix the path")
