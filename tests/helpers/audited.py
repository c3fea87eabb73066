"""A small dataset with one wrong label, and classical models that know which photographs they were trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2

from segdrone.classic.model_file import write_model
from tests.helpers.classic import TABLE, description, fitted, patches

NAMES = tuple(f"{number:03}" for number in range(12))
WRONG = "008"
"""Name of the photograph with the wrong label: road on its first patch, which shows grass."""


def write_dataset(root: Path) -> Path:
    """Writes photographs of three classes in patches of 24 x 24 pixels, with their masks; returns the folder."""
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True)
    rows = (f"{name},{','.join(map(str, color))}" for name, color in zip(TABLE.names, TABLE.colours, strict=True))
    (root / "classes.csv").write_text("\n".join(["name,r,g,b", *rows]) + "\n")
    for number, name in enumerate(NAMES):
        image, mask = patches(100 + number)
        if name == WRONG:
            mask[:24, :24] = 2
        cv2.imwrite(str(root / "images" / f"{name}.png"), image[..., ::-1])
        cv2.imwrite(str(root / "masks" / f"{name}.png"), mask)
    return root


def write_judge(path: Path, trained: Sequence[str] = ()) -> Path:
    """Writes a model that says that it was trained on some photographs; returns the path."""
    described = replace(description(), training={"splits": {"train": [*trained]}} if trained else None)
    write_model(path, fitted(), described.to_json())
    return path
