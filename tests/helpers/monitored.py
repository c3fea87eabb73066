"""Folders of predictions with statistics that are drawn, not measured."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segdrone.classes import ClassTable
from segdrone.inference.outputs import Outputs
from segdrone.inference.photo_statistics import monitored_columns
from segdrone.monitor.predictions import PredictedPhotographs, read_predictions

TABLE = ClassTable(names=("road", "grass", "car"), colours=((90, 90, 90), (0, 160, 0), (200, 0, 0)))
CLEANUP: dict[str, Any] = {"min_area": 0, "fill_holes": 0, "refine": 0}

Values = NDArray[np.float64]


def draw_values(count: int, seed: int = 0, table: ClassTable = TABLE) -> dict[str, Values]:
    """Returns values of each monitored column: some normal, some with repeated values, one constant, one unknown."""
    rng = np.random.default_rng(seed)
    values = {name: rng.normal(2, 0.3, count) for name in monitored_columns(table)}
    values |= {name: rng.beta(2, 2, count) for name in values if name.startswith("share_")}
    values["share_car"] = np.where(rng.random(count) < 0.6, 0.0, rng.beta(1, 9, count))
    values["confidence_car"] = np.where(values["share_car"] > 0, rng.beta(8, 2, count), np.nan)
    values["regions"] = rng.poisson(20, count).astype(float)
    values |= {"megapixels": np.full(count, 0.393216), "gsd": np.full(count, np.nan), "no_data": np.zeros(count)}
    return values


def write_predictions(
    folder: Path,
    values: Mapping[str, Values],
    table: ClassTable = TABLE,
    *,
    cleanup: Mapping[str, Any] = CLEANUP,
    predictor: Mapping[str, Any] | None = None,
    gsd: str | None = None,
    panoptic: bool = False,
) -> Path:
    """Writes the tables of a folder of predictions, without masks."""
    folder.mkdir(parents=True, exist_ok=True)
    options = {"scale": None, "augment": "none", "scales": [1.0], **(predictor or {})}
    settings = {"segdrone": "1", "classes": table.to_dict(), "predictor": options, "cleanup": dict(cleanup)}
    settings |= {"outputs": {"panoptic": panoptic}} | ({} if gsd is None else {"gsd": gsd})
    (folder / "predict.json").write_text(json.dumps(settings))
    columns = Outputs(folder, table).columns
    count = len(next(iter(values.values())))
    with (folder / "summary.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="0")
        writer.writeheader()
        for i in range(count):
            cells = {name: "" if np.isnan(column[i]) else f"{column[i]:.6f}" for name, column in values.items()}
            row = {"path": f"{i:03d}.jpg", "mask": f"masks/{i:03d}.png", "digest": "9", "captured": ""}
            writer.writerow({**row, **{name: cell for name, cell in cells.items() if name in columns}})
    return folder


def drawn_predictions(folder: Path, count: int, seed: int = 0, **changes: Values) -> PredictedPhotographs:
    """Writes and reads a folder of drawn predictions."""
    return read_predictions(write_predictions(folder, {**draw_values(count, seed), **changes}))
