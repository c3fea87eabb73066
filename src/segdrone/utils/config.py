"""Hydra's settings as plain data."""

from __future__ import annotations

from typing import Any

from omegaconf import DictConfig, OmegaConf


def to_container(node: DictConfig) -> dict[str, Any]:
    """Returns a dict of plain containers, with every reference resolved."""
    settings = OmegaConf.to_container(node, resolve=True)
    assert isinstance(settings, dict)
    return {str(key): value for key, value in settings.items()}
