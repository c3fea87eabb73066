"""Keep the statistics of predictions, for `segdrone monitor` and as metrics: no photograph, no name and no place."""

from __future__ import annotations

import itertools
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from segdrone.classes import ClassTable
from segdrone.errors import SegdroneError
from segdrone.inference.inputs import SETTINGS
from segdrone.inference.photo_statistics import forget_empty, monitored_columns
from segdrone.inference.summary import SUMMARY, csv_line, read_lines
from segdrone.monitor.drift import Drift, compare
from segdrone.spec import ModelSpec
from segdrone.utils.atomic import write_json
from segdrone.utils.best_effort import BestEffort

log = logging.getLogger(__name__)

WINDOW = 200
"""Photographs, the latest ones, that are compared with the reference."""

_FEW = 30  # photographs: of fewer, drift is not told
_SECONDS = 30.0  # between two comparisons
AS_TRAINED = {"augment": "none", "min_area": "0", "fill_holes": 0, "refine": 0}
"""Options of the predictions that are kept: others would look like drift."""


class PredictionLog:
    """The statistics of the latest photographs of each model, and all of them in files.

    `FOLDER/MODEL-DIGEST/DATE/` has the form of a folder that `segdrone predict` writes, with `predict.json` and
    `summary.csv` alone: `segdrone monitor` compares it with the model. Photographs are named by the ids of their
    requests.

    Args:
        folder: Where to write; None keeps the latest photographs in memory alone.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._writing = threading.Lock()
        self._latest: dict[str, deque[tuple[str, Mapping[str, str]]]] = {}  # digest and row, by digest of the model
        self._drift: dict[str, tuple[float, Drift | None]] = {}
        self._begun: set[Path] = set()  # files that this service has written to
        self._best_effort = BestEffort("the statistics of predictions")

    def add(self, model: str, description: Mapping[str, Any], name: str, row: Mapping[str, str]) -> None:
        """Keeps the statistics of a photograph, unless it is one of the latest: sent again, it says nothing new.

        Args:
            model: Name of the model.
            description: What the pool says of it.
            name: What to call the photograph.
            row: As `Outputs.write` returns it, by column.
        """
        columns = monitored_columns(ClassTable.from_dict(description["spec"]["classes"]))
        kept = {"path": name, "mask": f"masks/{name}.png", **{column: row[column] for column in columns}}
        with self._writing:
            latest = self._latest.setdefault(description["digest"], deque(maxlen=WINDOW))
            if any(digest == row["digest"] for digest, _ in latest):
                return
            latest.append((row["digest"], kept))
            if self._folder is not None:
                with self._best_effort():
                    self._write(self._folder / f"{model}-{description['digest'][:12]}", description, kept)

    def add_folder(self, model: str, description: Mapping[str, Any], name: str, out: Path) -> None:
        """Keeps the statistics of the photographs of a folder that `segdrone predict` wrote."""
        header, *lines = read_lines(out / SUMMARY) or [[]]
        for number, cells in enumerate(lines):
            self.add(model, description, f"{name}-{number}", dict(zip(header, cells, strict=True)))

    def drift(self, description: Mapping[str, Any]) -> Drift | None:
        """Compares the latest photographs of a model with its reference; None if there are too few, or it has none."""
        spec, digest = description["spec"], description["digest"]
        if spec["reference_statistics"] is None or len(self._latest.get(digest, ())) < _FEW:
            return None
        at, found = self._drift.get(digest, (-_SECONDS, None))
        if time.monotonic() - at >= _SECONDS:
            with self._writing:
                rows = [row for _, row in self._latest[digest]]
            reference = ModelSpec.from_dict(spec).reference_statistics
            columns = [name for name in rows[0] if name not in ("path", "mask")]
            values = {name: np.array([float(row[name] or "nan") for row in rows]) for name in columns}
            try:
                found = None if reference is None else compare(reference, forget_empty(values))
            except SegdroneError as error:
                log.warning("the photographs cannot be compared with the reference: %s", error)
            self._drift[digest] = time.monotonic(), found
        return found

    def _write(self, folder: Path, description: Mapping[str, Any], row: Mapping[str, str]) -> None:
        file = self._file(folder / datetime.now(UTC).strftime("%Y-%m-%d"), csv_line(row))
        day = file.parent
        if not file.exists():
            key = "checkpoint" if description["runtime"] == "torch" else "model"  # as in the settings of a backend
            settings = {key: description["digest"], "scale": None, "augment": "none", "scales": [1.0]}
            cleanup = {"min_area": 0, "fill_holes": 0, "refine": 0}
            classes = description["spec"]["classes"]
            day.mkdir(parents=True, exist_ok=True)
            write_json({"classes": classes, "predictor": settings, "cleanup": cleanup}, day / SETTINGS)
            file.write_text(csv_line(row), encoding="utf-8")
        elif file not in self._begun:  # a service that was killed may have left half a line
            content = file.read_bytes()
            os.truncate(file, content.rfind(b"\n") + 1)
        self._begun.add(file)
        with file.open("a", encoding="utf-8") as opened:
            opened.write(csv_line(row.values()))

    def _file(self, day: Path, header: str) -> Path:
        """Returns the table of a day; another one if a service of another version wrote one with other columns."""
        for number in itertools.count(1):
            file = (day if number == 1 else day.with_name(f"{day.name}.{number}")) / SUMMARY
            if file in self._begun or not file.exists():
                break
            with file.open(encoding="utf-8", errors="surrogateescape", newline="") as opened:
                if opened.readline() == header:
                    break
        return file
