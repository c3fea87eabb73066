"""A model whose probabilities are the colors of its images, and photographs to choose from."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segdrone.classes import ClassTable
from segdrone.inference import Predictor
from segdrone.spec import ModelSpec
from segdrone.windows import Size
from tests.helpers.small_dataset import HEIGHT, WIDTH, photograph

TABLE = ClassTable(("grass", "road", "roof"), ((0, 255, 0), (90, 90, 90), (255, 0, 0)))


@dataclass
class ByColor:
    """Predicts red, green and blue of a pixel, divided by their sum, as the probabilities of three classes."""

    spec: ModelSpec = field(
        default_factory=lambda: ModelSpec(TABLE, (0.5,) * 3, (0.5,) * 3, training_size=(HEIGHT, WIDTH))
    )
    stride: Size = (1, 1)
    device: str = "cpu"
    batch_size: int = 1
    window: Size | None = None
    settings: dict[str, Any] = field(default_factory=dict)

    def __call__(self, windows: NDArray[np.uint8]) -> NDArray[np.float32]:
        values = windows.astype(np.float32) + 1
        return np.ascontiguousarray((values / values.sum(-1, keepdims=True)).transpose(0, 3, 1, 2))


def predictor(**options: Any) -> Predictor:
    """A predictor with this model."""
    return Predictor(ByColor(), **options)


def write_pool(folder: Path, seeds: range) -> Path:
    """Writes a photograph for each seed, named by it; those of higher seeds have less color: they are less certain."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        image = photograph(100 + seed).astype(np.float32)
        gray = image.mean(-1, keepdims=True)
        faded = gray + (image - gray) / (1 + seed)
        Image.fromarray(faded.clip(0, 255).astype(np.uint8)).save(folder / f"{seed:02d}.png")
    return folder
