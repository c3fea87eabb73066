"""Read the metrics that a training run logged per epoch."""

from __future__ import annotations

import csv
from pathlib import Path

_KEYS = [f"{split}/{name}" for split in ("train", "val") for name in ("loss", "miou", "accuracy")]


def read_history(run: Path) -> list[dict[str, float]]:
    """Reads loss, mIoU and accuracy per epoch from `metrics.csv` of a run, and of the runs that it resumed.

    Args:
        run: Folder of the run.

    Returns:
        One dict per epoch: `epoch`, counted from 0, and those of `train/loss`, `val/loss`, `train/miou` and so on
        that were logged. Empty if the run has no `metrics.csv`.
    """
    earlier = sorted(run.glob("metrics.[0-9]*.csv"), key=lambda path: int(path.suffixes[-2][1:]))
    epochs: dict[int, dict[str, float]] = {}
    for path in [*earlier, run / "metrics.csv"]:
        if not path.is_file():
            continue
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                texts = {key: row.get(f"{key}_epoch") or row.get(key) for key in _KEYS}
                values = {key: float(text) for key, text in texts.items() if text}
                if values and row.get("epoch"):
                    epochs.setdefault(int(row["epoch"]), {"epoch": float(row["epoch"])}).update(values)
    return [epochs[epoch] for epoch in sorted(epochs)]
