"""The folder layouts of known datasets, and how the folders of a dataset are found."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from segdrone.errors import DataError

CLASSES_FILE = "classes.csv"
"""Class table in the root of a dataset that `segdrone data import` wrote."""


class Folders(NamedTuple):
    """The folders of a dataset's photographs and masks; a mask has the name of its photograph."""

    images: Path
    masks: Path


@dataclass(frozen=True)
class Layout:
    """How a dataset names its folders below the root.

    Attributes:
        images: Folder of photographs.
        masks: Folder of masks.
        parents: Folders below the root that may hold both, each ending with `/`; the empty one is the root.
    """

    images: str
    masks: str
    parents: tuple[str, ...] = ("",)

    def find(self, root: Path) -> Folders | None:
        """Returns the folders below `root`, or None if the dataset has another layout."""
        for parent in self.parents:
            folders = Folders(root / (parent + self.images), root / (parent + self.masks))
            if folders.images.is_dir() and folders.masks.is_dir():
                return folders
        return None


_UNPACKED = ("", "semantic_drone_dataset/", "dataset/semantic_drone_dataset/")  # as the public copies unpack

LAYOUTS: dict[str, Layout] = {
    "kaggle": Layout("original_images", "label_images_semantic", _UNPACKED),
    "tu_graz": Layout("training_set/images", "training_set/gt/semantic/label_images", _UNPACKED),
    "images_masks": Layout("images", "masks"),
}
"""Known layouts by name. The first that fits is used."""


def find_layout(root: Path) -> Folders | None:
    """Returns the folders of the first layout in `LAYOUTS` that fits `root`, or None."""
    return next((folders for layout in LAYOUTS.values() if (folders := layout.find(root))), None)


def find_folders(root: Path, images: str | None = None, masks: str | None = None) -> Folders:
    """Returns the folders of photographs and masks.

    Args:
        root: The dataset's folder, in one of `LAYOUTS`.
        images: Folder of photographs instead, below `root` or relative to the working folder.
        masks: Folder of masks instead.

    Raises:
        DataError: A named folder or the root does not exist, or the root has no known layout.
    """
    if images is not None and masks is not None:
        return Folders(named_folder(root, images, "data.images"), named_folder(root, masks, "data.masks"))
    if images is not None or masks is not None:
        raise DataError("data.images and data.masks belong together: give both, or neither and a data.root")
    if not root.is_dir():
        raise DataError(f"data.root={root} does not exist: give the folder that holds the photographs and masks")
    folders = find_layout(root)
    if folders is None:
        known = ", ".join(f"{layout.images} + {layout.masks}" for layout in LAYOUTS.values())
        raise DataError(
            f"data.root={root} has none of the known folder layouts ({known}): "
            "name its folders with data.images=FOLDER data.masks=FOLDER"
        )
    return folders


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
