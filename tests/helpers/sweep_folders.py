"""Folders of jobs as train.py and Hydra write them."""

import json
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from segdrone.sweep import note_failure


def write_job(
    sweep: Path,
    name: str,
    overrides: list[str],
    reached: float | None = None,
    failure: str | None = None,
    direction: str = "maximize",
    objective: str = "val/miou",
    data: dict[str, Any] | None = None,
    loss: dict[str, Any] | None = None,
    augment: dict[str, Any] | None = None,
    trainer: dict[str, Any] | None = None,
    **scores: float | str | None,
) -> None:
    folder = sweep / name
    hydra: dict[str, Any] = {
        "overrides.yaml": overrides,
        "config.yaml": {
            "objective": objective.replace("train/", "val/"),
            "direction": direction,
            "output_dir": "x",
        },
    }
    (folder / ".hydra").mkdir(parents=True)
    for file, content in hydra.items():
        OmegaConf.save(OmegaConf.create(content), folder / ".hydra" / file)
    config = {"data": data or {}, "loss": loss, "augment": augment, "trainer": trainer or {}}
    run = {"seed": 42, "objective": objective, "reached": reached, "config": config}
    (folder / "run.json").write_text(json.dumps(run))
    if scores:
        (folder / "metrics.json").write_text(json.dumps(scores))
    if failure is not None:
        note_failure(folder, failure, "Traceback (most recent call last): ...")
