"""Rebuild public datasets small: the folders, file names, values of masks and class tables that they come with.

Folders and names are those of the datasets' pages and of published code that reads them; `docs/datasets.md` says where
something could not be looked up.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segdrone.class_files import read_class_table
from segdrone.classes import DRONE, ClassTable
from tests.helpers.commands import REPO

SPLITS = ("train",) * 5 + ("val",) * 2 + ("test",) * 2
PAGE = REPO / "docs" / "datasets.md"


@dataclass(frozen=True)
class PublicDataset:
    """A public dataset.

    Attributes:
        files: Photograph and mask of the photograph with this number in this split.
        table: The class table, if the dataset brings it; else that of the page is written to classes.csv.
        table_file: Where the table lies.
        colors: Whether masks hold colors, not ids.
        layout: The layout that is found.
        options: What must be said, by key of DataConfig.
        splits: The splits of the folders or lists that have masks; empty if there are none.
        unlabeled: Splits whose photographs have no masks.
        more: Further files: text by path.
    """

    files: Callable[[str, int], tuple[str, str]]
    layout: str
    table: str | None = None
    table_file: str = "classes.csv"
    colors: bool = False
    options: dict[str, str] = field(default_factory=dict)
    splits: tuple[str, ...] = ()
    unlabeled: tuple[str, ...] = ()
    more: dict[str, str] = field(default_factory=dict)


def _uavid(split: str, i: int) -> tuple[str, str]:
    folder = f"uavid_{split}/seq{i % 3 + 1}"
    return f"{folder}/Images/{i // 3:06}.png", f"{folder}/Labels/{i // 3:06}.png"


def _loveda(split: str, i: int) -> tuple[str, str]:
    folder = f"{split.title()}/{('Rural', 'Urban')[i % 2]}"
    return f"{folder}/images_png/{i}.png", f"{folder}/masks_png/{i}.png"


def _cityscapes(split: str, i: int) -> tuple[str, str]:
    name = f"{split}/aachen/aachen_{i:06}_000019"
    return f"leftImg8bit/{name}_leftImg8bit.png", f"gtFine/{name}_gtFine_labelIds.png"


def _roboflow(split: str, i: int) -> tuple[str, str]:
    name = f"{split.replace('val', 'valid')}/DJI_{i:04}_JPG.rf.{i:032x}"
    return f"{name}.jpg", f"{name}_mask.png"


def _massachusetts(split: str, i: int) -> tuple[str, str]:
    name = f"{split.replace('val', 'valid')}/{{}}/2282{i}_15"
    return f"{name.format('sat')}.tiff", f"{name.format('map')}.tif"


def _no_test(split: str) -> str:
    return split.replace("test", "val")


_DUBAI = """{"classes": [
{"title": "Water", "shape": "polygon", "color": "#E2A929"}, {"title": "Land (unpaved area)", "color": "#8429F6"},
{"title": "Road", "color": "#6EC1E4"}, {"title": "Building", "color": "#3C1098"},
{"title": "Vegetation", "color": "#FEDD3A"}, {"title": "Unlabeled", "color": "#9B9B9B"}], "tags": []}"""
_CVAT = "# label:color_rgb:parts:actions\nbackground:0,0,0::\nroad:128,64,128::\ntree:0,128,0::\n"
_DEEPGLOBE = (
    "name,r,g,b\nurban_land,0,255,255\nagriculture_land,255,255,0\nrangeland,255,0,255\nforest_land,0,255,0\n"
    "water,0,0,255\nbarren_land,255,255,255\nunknown,0,0,0\n"
)
_TRAIN = "".join(f"{i:06}\n" for i in range(5))
_VAL = "".join(f"{i:06}\n" for i in range(5, 9))

PUBLIC = {
    "Semantic Drone Dataset": PublicDataset(
        lambda split, i: (f"original_images/{i:03}.jpg", f"label_images_semantic/{i:03}.png"),
        "kaggle",
        table="name, r, g, b\n" + DRONE.to_csv().split("\n", 1)[1] + "conflicting, 255, 0, 0\n",
        table_file="class_dict_seg.csv",
    ),
    "UAVid": PublicDataset(_uavid, "images_labels", colors=True, splits=("train", "val"), unlabeled=("test",)),
    "FloodNet": PublicDataset(
        lambda split, i: (f"{split}/{split}-org-img/{6000 + i}.jpg", f"{split}/{split}-label-img/{6000 + i}_lab.png"),
        "floodnet", splits=("train", "val", "test"),
    ),
    "DeepGlobe Land Cover": PublicDataset(
        lambda split, i: (f"{split}/{100 + i}_sat.jpg", f"{split}/{100 + i}_mask.png"),
        "masks_beside", table=_DEEPGLOBE, table_file="class_dict.csv", colors=True, unlabeled=("val", "test"),
        more={"metadata.csv": "image_id,split,sat_image_path,mask_path\n"},
    ),
    "LandCover.ai": PublicDataset(
        lambda split, i: (f"images/M-33-20-D-c-4-{i}.tif", f"masks/M-33-20-D-c-4-{i}.tif"), "images_masks",
        more={"train.txt": "M-33-20-D-c-4-0_0\n", "split.py": "#"},
    ),
    "LandCover.ai, cut by split.py": PublicDataset(
        lambda split, i: (f"output/M-33-20-D-c-4-2_{i}.jpg", f"output/M-33-20-D-c-4-2_{i}_m.png"), "masks_beside"
    ),
    "Aerial imagery of Dubai": PublicDataset(
        lambda split, i: (
            f"Semantic segmentation dataset/Tile {i % 3 + 1}/images/image_part_{i // 3 + 1:03}.jpg",
            f"Semantic segmentation dataset/Tile {i % 3 + 1}/masks/image_part_{i // 3 + 1:03}.png",
        ),
        "images_masks", table=_DUBAI, table_file="Semantic segmentation dataset/classes.json", colors=True,
    ),
    "CWFID": PublicDataset(
        lambda split, i: (f"images/{i + 1:03}_image.png", f"annotations/{i + 1:03}_annotation.png"),
        "images_annotations", colors=True, options={"layout": "images_annotations"},
        more={f"annotations/{i + 1:03}_annotation.yaml": "filename: x" for i in range(9)},
    ),
    "AeroScapes": PublicDataset(
        lambda split, i: (f"JPEGImages/{i:06}.jpg", f"SegmentationClass/{i:06}.png"), "voc", splits=("train", "val"),
        more={"ImageSets/trn.txt": _TRAIN, "ImageSets/val.txt": _VAL},
    ),
    "VDD": PublicDataset(
        lambda split, i: (f"{split}/src/DJI_{i:04}.JPG", f"{split}/gt/DJI_{i:04}.png"), "images_gt",
        splits=("train", "val", "test"),
    ),
    "UDD": PublicDataset(
        lambda split, i: (f"{_no_test(split)}/src/DJI_{i:04}.JPG", f"{_no_test(split)}/gt/DJI_{i:04}.png"), "images_gt",
        splits=("train", "val"),
    ),
    "LoveDA": PublicDataset(_loveda, "loveda", splits=("train", "val"), unlabeled=("test",)),
    "Massachusetts Roads": PublicDataset(
        _massachusetts, "massachusetts", splits=("train", "val", "test")
    ),
    "Massachusetts Buildings, Kaggle": PublicDataset(
        lambda split, i: (f"tiff/{split}/2282{i}_15.tiff", f"tiff/{split}_labels/2282{i}_15.tif"), "split_labels",
        table="name,r,g,b\nbackground,0,0,0\nbuilding,255,255,255\n", table_file="label_class_dict.csv", colors=True,
        splits=("train", "val", "test"), options={"mask_encoding": "colours"},
        more={"metadata.csv": "image_id,split\n"},
    ),
    "Roboflow, Semantic Segmentation Masks": PublicDataset(
        _roboflow, "masks_beside", table="Pixel Value, Class\n0, background\n1, crop\n2, weed\n",
        table_file="train/_classes.csv", splits=("train", "val", "test"),
        more={f"{s}/_classes.csv": "Pixel Value, Class\n0, background\n1, crop\n2, weed\n" for s in ("valid", "test")},
    ),
    "CVAT, Segmentation mask": PublicDataset(
        lambda split, i: (f"JPEGImages/{i:06}.png", f"SegmentationClass/{i:06}.png"), "voc", table=_CVAT,
        table_file="labelmap.txt", colors=True, more={"ImageSets/Segmentation/default.txt": _TRAIN + _VAL},
    ),
    "Pascal VOC": PublicDataset(
        lambda split, i: (f"JPEGImages/{i:06}.jpg", f"SegmentationClass/{i:06}.png"), "voc",
        splits=("train", "val"),
        more={"ImageSets/Segmentation/train.txt": _TRAIN, "ImageSets/Segmentation/val.txt": _VAL},
    ),
    "Cityscapes": PublicDataset(_cityscapes, "cityscapes", splits=("train", "val", "test")),
}  # fmt: skip


def page_table(name: str) -> str:
    """Returns the class table that `docs/datasets.md` gives for a dataset."""
    section = PAGE.read_text(encoding="utf-8").split(f"\n## {name.split(',')[0]}")[1].split("\n## ")[0]
    match = re.search(r"```csv\n(.*?)```", section, re.DOTALL)
    assert match, f"{PAGE} has no class table of {name}"
    return match[1]


def write_public(root: Path, name: str, size: tuple[int, int] = (12, 16)) -> ClassTable:
    """Writes a public dataset of nine photographs, and returns its class table."""
    dataset = PUBLIC[name]
    table_file = root / dataset.table_file
    table_file.parent.mkdir(parents=True, exist_ok=True)
    table_file.write_text(dataset.table if dataset.table is not None else page_table(name), encoding="utf-8")
    table = read_class_table(table_file)
    for path, text in dataset.more.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    for i, split in enumerate(SPLITS):
        photograph, mask = dataset.files(split, i)
        ids = _ids(size, len(table) - table.names.count("conflicting"), i)
        _save(root / photograph, np.array(table.colours, np.uint8)[ids] // 2 + 60)
        if split not in dataset.unlabeled:
            _save(root / mask, _mask(ids, table, dataset))
            for extra in _companions(name, mask):
                _save(root / extra, np.zeros((*size, 3), np.uint8))
    return table


def _mask(ids: NDArray[np.int64], table: ClassTable, dataset: PublicDataset) -> NDArray[np.uint8]:
    if dataset.colors:
        return np.array(table.colours, np.uint8)[ids]
    return np.array(table.mask_values or range(len(table)), np.uint8)[ids]


def _ids(size: tuple[int, int], classes: int, seed: int) -> NDArray[np.int64]:
    """Returns blocks of classes."""
    height, width = size
    return np.random.default_rng(seed).integers(0, classes, (2, 4)).repeat(height // 2, 0).repeat(width // 4, 1)


def _companions(name: str, mask: str) -> Iterator[str]:
    """Yields pictures that lie beside a mask in the dataset and are no masks of classes."""
    if name == "Cityscapes":
        yield from (mask.replace("labelIds", word) for word in ("color", "instanceIds"))
    if name in ("Pascal VOC", "CVAT, Segmentation mask"):
        yield mask.replace("SegmentationClass", "SegmentationObject")
    if name == "AeroScapes":
        yield mask.replace("SegmentationClass", "Visualizations")
    if name == "CWFID":
        yield mask.replace("annotations", "masks").replace("annotation", "mask")


def _save(path: Path, pixels: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
