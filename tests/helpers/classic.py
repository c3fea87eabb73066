"""Small images and fitted classical models."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from segdrone.classes import ClassTable
from segdrone.classic.fit import fit_model
from segdrone.classic.model import ClassicModel, ClassicOptions
from segdrone.classic.model_file import write_model
from segdrone.runtime.description import Description, Signature
from segdrone.spec import ModelSpec

COLORS = np.array([[40, 90, 30], [180, 110, 90], [190, 190, 200]], np.uint8)
TABLE = ClassTable(("grass", "roof", "road"), ((0, 102, 0), (70, 70, 70), (128, 64, 128)))
SMALL = {"scales": [1.0, 2.0], "samples": 2000}
FOREST = {"name": "forest", "trees": 9, "max_depth": 8, "min_samples_leaf": 1}


def patches(seed: int, height: int = 48, width: int = 72) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Returns an image of patches of 24 x 24 pixels with noise, uint8 `[H, W, 3]`, and its mask, uint8 `[H, W]`."""
    rng = np.random.default_rng(seed)
    cells = rng.integers(0, 3, (-(-height // 24), -(-width // 24)))
    cells.ravel()[:3] = [0, 1, 2]
    mask = np.kron(cells, np.ones((24, 24), int))[:height, :width].astype(np.uint8)
    noise = rng.normal(0, 4, (height, width, 3))
    return np.clip(COLORS[mask] + noise, 0, 255).astype(np.uint8), mask


def fitted(name: str = "pixels", classifier: dict[str, Any] | None = None, **options: Any) -> ClassicModel:
    """Returns a model of three classes, fitted to six images."""
    chosen = ClassicOptions.from_dict({"name": name, "classifier": classifier or FOREST, **SMALL, **options})
    model, _ = fit_model(chosen, [patches(seed) for seed in range(6)], 6, 3, seed=0)
    return model


def description(table: ClassTable = TABLE) -> Description:
    """Returns what the file of a fitted model says of itself."""
    spec = ModelSpec(table, (0.0,) * 3, (1.0,) * 3, training_size=(48, 72))
    return Description(spec, Signature())


def write(path: Any, model: ClassicModel, table: ClassTable = TABLE) -> Any:
    """Writes a model with its description; returns the path."""
    write_model(path, model, description(table).to_json())
    return path
