from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from segdrone.annotations import ImportSummary, import_annotations
from segdrone.errors import DataError

SIZE = (64, 96)


def photograph(path: Path, size: tuple[int, int] = SIZE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    photograph(tmp_path / "in" / "a.png")
    return tmp_path / "in"


def document(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def imported(source: Path, out: Path, **options: Any) -> ImportSummary:
    return import_annotations(source, out, progress=False, **options)


def refusal(source: Path, out: Path, **options: Any) -> str:
    """The one line with which an import is refused; nothing but whole files may be there then."""
    with pytest.raises(DataError) as caught:
        imported(source, out, **options)
    assert "\n" not in str(caught.value)
    assert not (out / "classes.csv").exists()
    assert not list(out.rglob("*.part*"))
    return str(caught.value)


def mask(out: Path, name: str = "a") -> NDArray[np.uint8]:
    with Image.open(out / "masks" / f"{name}.png") as image:
        assert image.mode == "L"
        return np.array(image)


def centers(size: tuple[int, int] = SIZE) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """x and y of every pixel's center."""
    y, x = np.mgrid[: size[0], : size[1]] + 0.5
    return x, y
