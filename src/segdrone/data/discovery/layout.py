"""The layouts of datasets: in which folders photographs and masks lie, as one table."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal, NamedTuple

from segdrone.data.discovery.mask_names import Place, masks_among

SPLIT_WORDS = {
    "train": ("train", "training", "trn"),
    "val": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing", "tst"),
}
"""Names of folders and lists that are a split."""

SPLIT_OF = {word: split for split, words in SPLIT_WORDS.items() for word in words}
_SPLIT = rf"(?P<split>{'|'.join(SPLIT_OF)})"
_SPLIT_FOLDER = re.compile(rf"(?:.*[_\- ])?{_SPLIT}(?:[_\- ]?(?:set|data|images|split))?", re.IGNORECASE)


class Spot(NamedTuple):
    """Where a layout sees the files of a folder.

    Attributes:
        folder: The folder that says what the files are, in lower case; empty if their names say it.
        depth: Number of folders before that one.
        place: All folders but that one.
    """

    folder: str
    depth: int
    place: Place


class FilesAt(NamedTuple):
    """The files of a folder, and its spot."""

    spot: Spot
    files: Sequence[PurePosixPath]


Spots = dict[PurePosixPath, FilesAt]
"""What a layout sees, by folder."""


@dataclass(frozen=True)
class Layout:
    """How a dataset names its folders; those before and after them are sequences, tiles or splits.

    Attributes:
        images: Folder of photographs, in any case; `|` separates several names that it may have, `{split}` stands for
            the name of a split, `.` is the folder in which that of the masks lies.
        masks: Folder of masks.
        beside: There are no such folders, masks lie beside the photographs: told by words in their `name`, or as they
            have the `suffix` .png and the photographs another.
        lists: Folders below the root in which `train.txt`, `val.txt` and `test.txt` are the split.
        partly_labeled: Photographs without a mask are usual, and passed over.
        classes: Built-in class table of the dataset; None if it has another.
    """

    images: str = ""
    masks: str = ""
    beside: Literal["name", "suffix"] | None = None
    lists: tuple[str, ...] = ()
    partly_labeled: bool = False
    classes: str | None = None

    @property
    def is_named(self) -> bool:
        """Whether photographs have a folder whose name says what it holds."""
        return self.images not in ("", ".")

    def spots(self, folders: Mapping[PurePosixPath, Sequence[PurePosixPath]]) -> tuple[Spots, Spots]:
        """Returns where the layout sees photographs, and where masks.

        Args:
            folders: Image files by their folder, all relative to the root.

        Example:
            >>> folder, file = PurePosixPath("seq1/Images"), PurePosixPath("seq1/Images/a.jpg")
            >>> photographs, masks = Layout("images", "masks").spots({folder: [file]})
            >>> photographs[folder].spot, masks
            (Spot(folder='images', depth=1, place=('seq1',)), {})
        """
        photographs: Spots = {}
        masks: Spots = {}
        for folder, files in folders.items():
            here = Spot(self.images, len(folder.parts), folder.parts)
            if self.beside:
                names = _names_of_masks(files, self.beside)
                for found, is_mask in ((photographs, False), (masks, True)):
                    members = [file for file in files if (file.name in names) is is_mask]
                    found |= {folder: FilesAt(here, members)} if members else {}
                continue
            if (spot := find_spot(folder, self.masks)) is not None:
                masks[folder] = FilesAt(spot, files)
            elif self.images == ".":
                photographs[folder] = FilesAt(here, files)
            if (spot := find_spot(folder, self.images)) is not None:
                photographs[folder] = FilesAt(spot, files)
        return photographs, masks


_SPLIT_MASKS = "|".join(
    name
    for word in ("masks", "mask", "labels", "label", "gt")
    for name in (f"{{split}}_{word}", f"{{split}}-{word}", f"{word}_{{split}}")
)
_IMAGES = "images|image|imgs|img|rgb|src|photos|photographs|pictures"

LAYOUTS: dict[str, Layout] = {
    "kaggle": Layout("original_images", "label_images_semantic", classes="drone"),
    "tu_graz": Layout("training_set/images", "training_set/gt/semantic/label_images", classes="drone"),
    "images_masks": Layout(_IMAGES, "masks|mask", lists=(".",)),  # Dubai, and what `segdrone data import` writes
    "images_labels": Layout(_IMAGES, "labels|label"),  # UAVid
    "images_annotations": Layout(_IMAGES, "annotations|annotation"),  # CWFID
    "images_gt": Layout(_IMAGES, "gt|gts|ground_truth|groundtruth"),  # VDD, UDD
    "floodnet": Layout("{split}-org-img", "{split}-label-img"),
    "loveda": Layout("images_png", "masks_png"),
    "massachusetts": Layout("sat", "map"),
    "split_labels": Layout("{split}", f"{_SPLIT_MASKS}|{{split}}annot"),  # Massachusetts of Kaggle, CamVid of SegNet
    "split_images": Layout("{split}_images|{split}-images|images_{split}|images-{split}", _SPLIT_MASKS),
    "voc": Layout(
        "JPEGImages", "SegmentationClass|SegmentationClassPNG|SegmentationClassAug",
        lists=("ImageSets/Segmentation", "ImageSets"), partly_labeled=True,
    ),  # Pascal VOC, AeroScapes, CVAT's segmentation mask
    "cityscapes": Layout("leftImg8bit", "gtFine|gtCoarse"),
    "masks_below": Layout(".", "masks|mask|labels|label|annotations|gt|SegmentationClass"),  # x.jpg and masks/x.png
    "masks_beside": Layout(beside="name"),  # DeepGlobe, Roboflow's png-mask: x_sat.jpg and x_mask.png
    "png_beside": Layout(beside="suffix"),  # x.jpg and x.png
}  # fmt: skip
"""Known layouts by name. Those whose photographs have a folder of a known name are tried before the others."""


def split_of(folder: str) -> str | None:
    """Returns the split that a folder's name says, or None.

    Example:
        >>> split_of("valid"), split_of("uavid_train"), split_of("Tile 1")
        ('val', 'train', None)
    """
    match = _SPLIT_FOLDER.fullmatch(folder)
    return SPLIT_OF[match["split"].lower()] if match else None


def _names_of_masks(files: Sequence[PurePosixPath], how: str) -> set[str]:
    """Returns the names of the files of a folder that are masks of others in it."""
    if how == "name":
        stems = masks_among(file.stem for file in files)
        return {file.name for file in files if file.stem in stems}
    others = {file.stem for file in files if file.suffix.lower() != ".png"}
    return {file.name for file in files if file.suffix.lower() == ".png" and file.stem in others}


def find_spot(folder: PurePosixPath, names: str) -> Spot | None:
    """Returns the spot of the files in a folder, if the folder or one above it has one of the names."""
    parts = folder.parts
    for name in names.split("|"):
        pattern = _folder_pattern(name)
        length = name.count("/") + 1
        for start in range(len(parts) - length, -1, -1):
            if match := pattern.fullmatch("/".join(parts[start : start + length])):
                split = match.groupdict().get("split")
                place = (*parts[:start], *([split] if split else []), *parts[start + length :])
                return Spot(name.lower(), start, place)
    return None


def _folder_pattern(name: str) -> re.Pattern[str]:
    return re.compile(_SPLIT.join(map(re.escape, name.split("{split}"))), re.IGNORECASE)
