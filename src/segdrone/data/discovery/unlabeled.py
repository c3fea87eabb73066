"""Find the photographs of a folder of which some or none have masks."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from segdrone.data.discovery.dataset_files import DatasetFiles, unlabeled_files
from segdrone.data.discovery.file_kinds import say_unreadable
from segdrone.data.discovery.file_tree import image_files, named_folder
from segdrone.data.discovery.find_dataset import dataset_photographs, find_dataset, find_layouts
from segdrone.data.discovery.mask_names import masks_among, stem
from segdrone.errors import DataError


def find_unlabeled(
    root: Path, images: str | None = None, masks: str | None = None, layout: str | None = None
) -> DatasetFiles:
    """Finds photographs with and without masks; a folder without any mask is no error.

    Args:
        root: The folder.
        images: Folder of photographs, below `root` or relative to the working folder.
        masks: Folder or pattern of masks.
        layout: Name of the layout in `LAYOUTS`; None finds it, or takes all images for photographs.

    Raises:
        DataError: There are no photographs, some of them may be masks, or as `find_dataset`.
    """
    if images is not None and masks is None:
        folder = named_folder(root, images, "data.images")
        found = _photographs(folder, [folder / file for file in image_files(folder)])
        return replace(found, given=(str(folder.resolve()), ""))
    if masks is not None or layout is not None or not root.is_dir() or find_layouts(root):
        return find_dataset(root, images, masks, layout)
    files = [*dataset_photographs(root)] or [root / file for file in image_files(root)]
    return _photographs(root, files)


def _photographs(root: Path, files: list[Path]) -> DatasetFiles:
    """Returns photographs without masks.

    Raises:
        DataError: There are none, or the names of some are those of masks.
    """
    if not files:
        raise DataError(say_unreadable(root))
    if among := masks_among(map(stem, files)):
        named = next(file for file in files if stem(file) in among)
        raise DataError(
            f"{os.path.relpath(named, root)} in {root} has the name of a mask of another photograph there: say which "
            "are which with data.images=PATTERN data.masks=PATTERN, or move the masks away"
        )
    return unlabeled_files(root, sorted(files))
