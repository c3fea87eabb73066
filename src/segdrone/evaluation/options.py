"""Check the options of an evaluation before any work is done."""

from __future__ import annotations

import logging
from typing import Any

from omegaconf import DictConfig, ListConfig

from segdrone.classes import ClassTable
from segdrone.errors import ConfigError
from segdrone.inference.instances import check_classes
from segdrone.inference.options import check_options
from segdrone.utils.config import to_container

SIZE_OPTIONS = frozenset({"sampling", "test_image_size", "tile_size", "crop_size", "scale", "batch_size"})
"""Options of `data` that decide at which size the test loop scores. A `Predictor` has its own."""

log = logging.getLogger(__name__)


def check_pictures(cfg: DictConfig) -> None:
    """Checks how many photographs are to be drawn.

    Raises:
        ConfigError: `cfg.pictures` is neither a whole number of 0 or more nor null.
    """
    if cfg.pictures is not None and (type(cfg.pictures) is not int or cfg.pictures < 0):
        raise ConfigError(f"pictures={cfg.pictures} must be a whole number of 0 or more, or null")


def object_classes(cfg: DictConfig, table: ClassTable, stored: ClassTable | None = None) -> list[str] | None:
    """Returns the classes that `cfg.objects` counts as objects; None for `thing_classes(table)`.

    Args:
        cfg: As `conf/evaluate.yaml`.
        table: The classes that are scored.
        stored: Those of the true masks. What it calls things are things, if `table` does not say; if both say and
            differ, `table` decides, with a warning.

    Raises:
        ConfigError: It is not a list of classes of the table.
    """
    if cfg.objects is None:
        if stored is None or stored.things is None:
            return None
        named = [name for name in table.names if name in stored.things]
        if table.things is None:
            return named
        shared = {*table.names} & {*stored.names}
        if {*named} != {*table.things} & shared:
            log.warning(
                "things are %s, as the model says, not %s, as the class table of the masks says: choose with "
                "objects=[CLASS]", ", ".join(table.things) or "none", ", ".join(named) or "none",
            )  # fmt: skip
        return None
    if not isinstance(cfg.objects, ListConfig):
        raise ConfigError(f"objects={cfg.objects} must be a list of classes, such as objects=[{table.names[-1]}]")
    return check_classes([str(name) for name in cfg.objects], table)


def inference_options(cfg: DictConfig) -> dict[str, Any] | None:
    """Returns the options of `Predictor` that `conf/inference` chose; None without one.

    Raises:
        ConfigError: An option is out of its range.
    """
    if not cfg.get("inference"):
        return None
    options = to_container(cfg.inference)
    check_options(**options)
    return options


def data_overrides(cfg: DictConfig) -> dict[str, Any]:
    """Returns the options of `cfg.data` that are given: those that are not null."""
    return {key: value for key, value in to_container(cfg.data).items() if value is not None}
