"""The metric that a sweep compares."""

from __future__ import annotations

from collections.abc import Mapping

from omegaconf import DictConfig


def objective(cfg: DictConfig, metrics: Mapping[str, float]) -> float:
    """Returns the value of the metric that a sweep compares, `cfg.objective`; NaN if it was not logged.

    Without validation, the training metric of the same name is used, as for the choice of the best epoch.

    Example:
        >>> objective(DictConfig({"objective": "val/miou"}), {"train/miou": 0.5, "val/miou": 0.4})
        0.4
    """
    return metrics.get(objective_name(cfg, metrics), float("nan"))


def objective_name(cfg: DictConfig, metrics: Mapping[str, float]) -> str:
    """Returns the name of the metric that `objective` returns."""
    is_validated = any(name.startswith("val/") for name in metrics)
    return str(cfg.objective) if is_validated else str(cfg.objective).replace("val/", "train/")
