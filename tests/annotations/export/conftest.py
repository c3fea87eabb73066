from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from segdrone.annotations import import_annotations
from segdrone.annotations.export import LabelSummary, export_labels
from segdrone.classes import ClassTable

TABLE = ClassTable(("road", "car", "grass", "tree & <bush>"), ((90, 90, 90), (9, 143, 150), (0, 102, 0), (51, 51, 0)))
IGNORED = 255


def blobs(seed: int, size: tuple[int, int] = (48, 64), blur: float = 3.0) -> NDArray[np.uint8]:
    """Smooth areas of four classes, some with holes, and a few pixels without a label."""
    noise = np.random.default_rng(seed).normal(size=(*size, 5)).astype(np.float32)
    smooth = np.asarray(cv2.GaussianBlur(noise, (0, 0), blur), np.float32)
    smooth[..., 4] *= 0.8
    mask = np.asarray(smooth.argmax(2), np.uint8)
    mask[mask == 4] = IGNORED
    return mask


def write_masks(folder: Path, masks: dict[str, NDArray[Any]], table: ClassTable = TABLE) -> Path:
    """Writes `masks/NAME.png` with `classes.csv`, and `photographs/NAME.jpg` of the same sizes; returns the masks."""
    for name, mask in masks.items():
        for file, pixels in (("masks", mask), ("photographs", np.zeros((*mask.shape, 3), np.uint8))):
            path = folder / file / f"{name}.{'png' if file == 'masks' else 'jpg'}"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)
    (folder / "masks" / "classes.csv").write_text(table.to_csv(), encoding="utf-8")
    return folder / "masks"


def exported(folder: Path, label_format: str, **options: Any) -> LabelSummary:
    masks = folder / "masks"
    return export_labels(masks, folder / "out", label_format, images=folder / "photographs", progress=False, **options)


def read_back(folder: Path, **options: Any) -> dict[str, NDArray[np.uint8]]:
    """The masks of the export as the import reads them."""
    back = folder / "back"
    classes = str(folder / "masks" / "classes.csv")
    import_annotations(folder / "out", back, images=folder / "photographs", classes=classes, progress=False, **options)
    return {path.stem: np.array(Image.open(path)) for path in (back / "masks").iterdir()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Masks of three photographs, one in a folder of its own and one of odd characters."""
    masks = {"a": blobs(1), "flight 1/b": blobs(2, (40, 32)), 'c & "d" + é#?%20': blobs(3, (24, 40))}
    write_masks(tmp_path, masks)
    return tmp_path
