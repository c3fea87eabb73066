"""Compare the jobs of a sweep when it ends."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from rich.table import Table

from segdrone.files import whole

_SCORES = ("reached", "miou", "miou_per_image", "accuracy", "dice")


class Comparison(Callback):
    """Prints a table of the jobs, best objective first, and writes it to `comparison.csv`.

    The objective is a validation score: choosing by the test scores beside it would spoil them.
    """

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Reads what the jobs wrote, wherever a launcher ran them."""
        folder = Path(config.hydra.sweep.dir)
        rows = compare(folder)
        if not rows:
            return
        print(
            f"\n{len(rows)} jobs in {folder}, best {rows[0]['objective']} first; the other scores are the final test's"
        )
        table = Table("job", "choices", rows[0]["objective"], *_SCORES[1:])
        for row in rows:
            table.add_row(row["job"], row["choices"], *(f"{row[name]:.4f}" for name in _SCORES))
        Console().print(table)
        with whole(folder / "comparison.csv") as partial, partial.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, ["job", "choices", "objective", *_SCORES])
            writer.writeheader()
            writer.writerows(rows)


def compare(folder: Path) -> list[dict[str, Any]]:
    """Returns choices, objective and scores of each finished job below a sweep's folder, best objective first."""
    rows: list[dict[str, Any]] = []
    for path in folder.glob("*/metrics.json"):
        metrics = json.loads(path.read_text(encoding="utf-8"))
        run = json.loads((path.parent / "run.json").read_text(encoding="utf-8"))
        metrics["reached"] = run.get("reached")
        overrides = OmegaConf.to_container(OmegaConf.load(path.parent / ".hydra" / "overrides.yaml"))
        assert isinstance(overrides, list)
        scores = {name: float("nan") if metrics[name] is None else metrics[name] for name in _SCORES}
        choices = {"job": path.parent.name, "choices": " ".join(map(str, overrides))}
        rows.append({**choices, "objective": run.get("objective", "objective"), **scores})
    return sorted(rows, key=lambda row: -row["reached"] if row["reached"] == row["reached"] else float("inf"))
