"""The metric that a sweep compares."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig


def objective(cfg: DictConfig, metrics: Mapping[str, float]) -> float:
    """Returns the value of the metric that a sweep compares, `cfg.objective`; NaN if it was not logged.

    Without validation, the training metric of the same name is used, as for the choice of the best epoch.

    Example:
        >>> objective(DictConfig({"objective": "val/miou"}), {"train/miou": 0.5, "val/miou": 0.4})
        0.4
    """
    return metrics.get(_name(cfg, metrics), float("nan"))


def describe_objective(cfg: DictConfig, metrics: Mapping[str, float]) -> dict[str, Any]:
    """Returns the name and the value of that metric, as `run.json` holds them; the value is None if it is no number."""
    value = objective(cfg, metrics)
    return {"objective": _name(cfg, metrics), "reached": value if math.isfinite(value) else None}


def _name(cfg: DictConfig, metrics: Mapping[str, float]) -> str:
    is_validated = any(name.startswith("val/") for name in metrics)
    return str(cfg.objective) if is_validated else str(cfg.objective).replace("val/", "train/")
