"""Fill a folder of predictions as `predict_folder` does, without a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segdrone.classes import DRONE, ClassTable
from segdrone.errors import ConfigError
from segdrone.inference import Prediction
from segdrone.inference.inputs import InputImage
from segdrone.inference.manifest import Manifest
from segdrone.inference.outputs import Outputs
from tests.helpers.predictions import contents

SETTINGS: dict[str, Any] = {"segdrone": "1", "predictor": {"checkpoint": "ab" * 32, "scale": 1.0, "window": (4, 4)}}
OTHER: dict[str, Any] = {"segdrone": "1", "predictor": {"checkpoint": "cd" * 32, "scale": 0.5, "window": (4, 4)}}


def image(path: str, name: str | None = None, digest: str = "9") -> InputImage:
    """Returns a photograph of a path below `photos`, which need not exist."""
    one = InputImage(Path("photos") / path, path, name or path.rpartition(".")[0])
    vars(one)["digest"] = digest
    return one


def run(
    folder: Path,
    *images: InputImage,
    redo: bool = False,
    settings: dict[str, Any] = SETTINGS,
    table: ClassTable = DRONE,
    stop: int = 99,
    **options: Any,
) -> list[str]:
    """Writes outputs as `predict_folder` does, and returns the paths that were not done before."""
    outputs = Outputs(folder, table, **options)
    manifest = Manifest(outputs, settings)
    todo = manifest.begin(images, redo=redo)
    for todo_image in todo[:stop]:
        pixels = np.zeros((2, 3), np.uint8)
        manifest.add(todo_image, outputs.write(todo_image, np.zeros((2, 3, 3), np.uint8), Prediction(pixels, pixels)))
    if stop == 99:
        manifest.finish()
    return [todo_image.path for todo_image in todo]


def files(folder: Path) -> list[str]:
    """Returns the files below a folder, sorted."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.*"))


def rows(folder: Path) -> list[str]:
    """Returns the paths in `summary.csv`, in order."""
    return [line.split(",")[0] for line in (folder / "summary.csv").read_text().splitlines()[1:]]


def refusal(folder: Path, *images: InputImage, **options: Any) -> str:
    """Returns the error of `run`, which must leave the folder as it was."""
    before = contents(folder)
    with pytest.raises(ConfigError) as caught:
        run(folder, *images, **options)
    assert contents(folder) == before
    assert "\n" not in str(caught.value)
    return str(caught.value)
