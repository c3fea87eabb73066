"""What a run logged, epoch by epoch."""

from __future__ import annotations

import csv
from pathlib import Path


def read_history(run: Path) -> list[dict[str, float]]:
    """Returns loss, mIoU and accuracy of each epoch from a run's `metrics.csv`, and those of runs it resumed.

    Args:
        run: The run's folder.

    Returns:
        By epoch: `epoch` from 0 up, `train/loss`, `val/loss` and so on as far as they are there; empty where
        there is no such file.
    """
    earlier = sorted(run.glob("metrics.[0-9]*.csv"), key=lambda path: int(path.suffixes[-2][1:]))
    wanted = [f"{split}/{name}" for split in ("train", "val") for name in ("loss", "miou", "accuracy")]
    epochs: dict[int, dict[str, float]] = {}
    for path in [*earlier, run / "metrics.csv"]:
        if not path.is_file():
            continue
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                values = {key: row.get(f"{key}_epoch") or row.get(key) for key in wanted}
                found = {key: float(value) for key, value in values.items() if value}
                if found and row.get("epoch"):
                    epochs.setdefault(int(row["epoch"]), {"epoch": float(row["epoch"])}).update(found)
    return [epochs[epoch] for epoch in sorted(epochs)]
