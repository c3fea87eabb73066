"""Read the metrics that a training run logged per epoch."""

from __future__ import annotations

import csv
import io
import logging
import math
import re
from pathlib import Path

from segdrone.utils.bounded import UnreadableError, read_text, wrap_parse_errors

log = logging.getLogger(__name__)

_KEYS = [f"{split}/{name}" for split in ("train", "val") for name in ("loss", "miou", "accuracy")]


def read_history(run: Path) -> list[dict[str, float]]:
    """Reads loss, mIoU and accuracy per epoch from `metrics.csv` of a run, and of the runs that it resumed.

    Epochs of an earlier run count up to the one from which it was resumed.

    Args:
        run: Folder of the run.

    Returns:
        One dict per epoch: `epoch`, counted from 0, and those of `train/loss`, `val/loss`, `train/miou` and so on
        that were logged. Empty if the run has no `metrics.csv`.
    """
    numbers = {path: path.suffixes[-2][1:] for path in run.glob("metrics.[0-9]*.csv")}
    earlier = {path: int(text) for path, text in numbers.items() if re.fullmatch("[0-9]{1,9}", text)}
    epochs: dict[int, dict[str, float]] = {}
    for path in [*sorted(earlier, key=earlier.__getitem__), run / "metrics.csv"]:
        if not path.is_file():
            continue
        found: dict[int, dict[str, float]] = {}
        try:
            with wrap_parse_errors():
                _add_epochs(found, read_text(path))
        except UnreadableError as error:
            log.warning("%s cannot be read (%s): its epochs are not shown", path, error)
        resumed = min(found, default=math.inf)
        epochs = {epoch: values for epoch, values in epochs.items() if epoch < resumed} | found
    return [epochs[epoch] for epoch in sorted(epochs)]


def _add_epochs(epochs: dict[int, dict[str, float]], text: str) -> None:
    for row in csv.DictReader(io.StringIO(text, newline="")):
        texts = {key: row.get(f"{key}_epoch") or row.get(key) for key in _KEYS}
        values = {key: float(text) for key, text in texts.items() if text}
        if values and row.get("epoch"):
            epochs.setdefault(int(row["epoch"]), {"epoch": float(row["epoch"])}).update(values)
