"""Hydra configs: where they are, and as plain data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf


def to_container(node: DictConfig) -> dict[str, Any]:
    """Returns a config as a dict of plain containers, with every interpolation resolved."""
    settings = OmegaConf.to_container(node, resolve=True)
    assert isinstance(settings, dict)
    return {str(key): value for key, value in settings.items()}


def config_dir() -> Path:
    """Returns the folder of the configuration files (`conf/`).

    An installed wheel has its copy inside the package; in a checkout the folder is beside `src/`.

    Example:
        >>> (config_dir() / "train.yaml").is_file()
        True
    """
    package = Path(__file__).parents[1]
    packaged = package / "conf"
    return packaged if packaged.is_dir() else package.parents[1] / "conf"
