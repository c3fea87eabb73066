"""Hydra configs: where they are, and as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict

from segdrone.utils.atomic import atomic_write


def to_container(node: DictConfig) -> dict[str, Any]:
    """Returns a config as a dict of plain containers, with every interpolation resolved."""
    settings = OmegaConf.to_container(node, resolve=True)
    assert isinstance(settings, dict)
    return {str(key): value for key, value in settings.items()}


def without(node: DictConfig, key: str) -> DictConfig:
    """Returns a copy of a config without one key.

    Example:
        >>> without(OmegaConf.create({"max_epochs": 15, "stall_timeout": 60}), "stall_timeout")
        {'max_epochs': 15}
    """
    copy = node.copy()
    with open_dict(copy):
        copy.pop(key, None)
    return copy


def save_config(cfg: DictConfig, folder: Path, continued: Sequence[str] | None = None) -> None:
    """Writes `.hydra/` with the config, the overrides and Hydra's options, as Hydra does; nothing without Hydra.

    Args:
        cfg: The config of a task, or the whole one that Hydra's callbacks get.
        folder: Where to write.
        continued: Overrides of a run that goes on in its folder, in place of those of the command. Hydra's options
            there, which say where their configuration files are, stay.
    """
    from hydra.core.hydra_config import HydraConfig  # slow, and not needed by those who only find `conf/`

    if "hydra" not in cfg and not HydraConfig.initialized():
        return
    hydra = cfg.hydra if "hydra" in cfg else HydraConfig.get()
    task = OmegaConf.masked_copy(cfg, [str(key) for key in cfg if key != "hydra"])
    contents: dict[str, Any] = {"config": task, "overrides": hydra.overrides.task, "hydra": {"hydra": hydra}}
    if continued is not None:
        contents = {"config": task, "overrides": [*continued]}
    for name, content in contents.items():
        with atomic_write(folder / ".hydra" / f"{name}.yaml") as partial:
            OmegaConf.save(content, partial)


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
