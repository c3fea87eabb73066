"""Predict photographs into a folder, and read its files."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from segdrone.inference import Predictor
from segdrone.inference.inputs import find_inputs
from segdrone.inference.predict_folder import PredictSummary, predict_folder


def predict(predictor: Predictor, inputs: list[Path], out: Path, **options: Any) -> PredictSummary:
    """Predicts the photographs of `inputs` into `out`."""
    return predict_folder(predictor, find_inputs(inputs, out), out, **options)


def contents(folder: Path) -> dict[str, bytes]:
    """Returns the content of each file below a folder, by relative path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def summary(out: Path) -> dict[str, dict[str, str]]:
    """Returns the rows of `summary.csv` by path."""
    with (out / "summary.csv").open(newline="") as file:
        return {row["path"]: row for row in csv.DictReader(file)}


def read_mask(out: Path, name: str) -> np.ndarray:
    """Returns a predicted mask."""
    return np.asarray(Image.open(out / "masks" / f"{name}.png"))
