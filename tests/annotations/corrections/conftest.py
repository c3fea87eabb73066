"""A dataset of three photographs, and corrections of its masks as LabelMe writes them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from segdrone.annotations.corrections import CorrectionOptions, CorrectionSummary, import_corrections
from segdrone.errors import SegdroneError
from tests.annotations.test_labelme import labelme, shape

SIZE = (24, 36)
CLASSES = "name,r,g,b\nsoil,90,60,30\nroad,90,90,90\ncar,200,0,0\n"
SOIL, ROAD, CAR = range(3)

Mask = NDArray[np.uint8]


def box(label: str, left: int, top: int, right: int, bottom: int, **more: Any) -> dict[str, Any]:
    return shape(label, [[left, top], [right, top], [right, bottom], [left, bottom]], **more)


ALL_SOIL = box("soil", 0, 0, 36, 24)
RIGHT_ROAD = box("road", 18, 0, 36, 24)
CAR_BOX = box("car", 2, 2, 10, 8)
CORRECTED = (ALL_SOIL, RIGHT_ROAD, CAR_BOX)
"""As `stored_mask` draws it, with a car that it lacks."""


def stored_mask() -> Mask:
    """Soil on the left, road on the right, the last row ignored."""
    mask = np.zeros(SIZE, np.uint8)
    mask[:, 18:] = ROAD
    mask[-1] = 255
    return mask


def corrected_mask() -> Mask:
    mask = stored_mask()
    mask[-1, :18], mask[-1, 18:] = SOIL, ROAD
    mask[2:8, 2:10] = CAR
    return mask


def write_image(pixels: NDArray[Any], path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def write_photograph(path: Path, seed: int, size: tuple[int, int] = SIZE) -> Path:
    return write_image(np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8), path)


def correction(folder: Path, name: str = "a", *shapes: Any, file: str | None = None, **more: Any) -> Path:
    size = {"imageHeight": SIZE[0], "imageWidth": SIZE[1]}
    path = folder / f"{file or name}.json"
    return labelme(path, *(shapes or CORRECTED), **{"imagePath": f"{name}.png", **size, **more})


@pytest.fixture
def dataset(tmp_path: Path, undrawn: None) -> Path:
    root = tmp_path / "dataset"
    for seed, name in enumerate("abc"):
        write_photograph(root / "images" / f"{name}.png", seed)
        write_image(stored_mask(), root / "masks" / f"{name}.png")
    (root / "classes.csv").write_text(CLASSES)
    return root


@pytest.fixture
def fixed(tmp_path: Path) -> Path:
    """A folder with a correction of the photograph `a`."""
    correction(tmp_path / "fixed")
    return tmp_path / "fixed"


def corrected(source: Path | list[Path], onto: Path, **options: Any) -> CorrectionSummary:
    names = {
        "images",
        "annotation_format",
        "background",
        "orientation",
        "instances",
        "prefer",
        "merge",
        "allow_missing_tiles",
    }
    own = {key: value for key, value in options.items() if key in names}
    rest = {key: value for key, value in options.items() if key not in names}
    sources = source if isinstance(source, list) else [source]
    return import_corrections(sources, onto, CorrectionOptions(**own), progress=False, **rest)


def read(path: Path) -> Mask:
    with Image.open(path) as image:
        return np.array(image)


def content(folder: Path) -> Mapping[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def refusal(source: Path | list[Path], onto: Path, **options: Any) -> str:
    """The one line with which corrections are refused; nothing of the dataset may have changed."""
    before = content(onto)
    with pytest.raises(SegdroneError) as caught:
        corrected(source, onto, **options)
    assert "\n" not in str(caught.value)
    assert content(onto) == before
    return str(caught.value)
