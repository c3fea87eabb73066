"""Write folders of small photographs and masks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

SIZE = (6, 9)


def write_photograph(path: Path, size: tuple[int, int] = SIZE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((*size, 3), 90, np.uint8)).save(path)
    return path


def write_mask(path: Path, size: tuple[int, int] = SIZE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full(size, 3, np.uint8)).save(path)
    return path


def write_dataset(
    root: Path, images: Sequence[str] = ("a.jpg", "b.jpg"), masks: Sequence[str] = ("a.png", "b.png")
) -> Path:
    (root / "images").mkdir(parents=True)
    (root / "masks").mkdir()
    for name in images:
        write_photograph(root / "images" / name)
    for name in masks:
        write_mask(root / "masks" / name)
    return root


def write_pairs(root: Path, *names: tuple[str, str]) -> Path:
    for photograph, mask in names:
        write_photograph(root / photograph)
        write_mask(root / mask)
    return root


def numbered(image: str, mask: str, count: int = 3) -> list[tuple[str, str]]:
    return [(image.format(i), mask.format(i)) for i in range(count)]
