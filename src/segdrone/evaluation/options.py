"""Check the options of an evaluation before any work is done."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from omegaconf import DictConfig, ListConfig

from segdrone.classes import ClassTable
from segdrone.data.masks.mask_encoding import MaskEncoding
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


def object_classes(cfg: DictConfig, table: ClassTable, encoding: MaskEncoding | None = None) -> list[str] | None:
    """Returns the classes that `cfg.objects` counts as objects; None for `thing_classes(table)`.

    Args:
        cfg: As `conf/evaluate.yaml`.
        table: The classes that are scored.
        encoding: How the true masks hold them. What their class table calls things are things, and a class that
            merges such, if `table` does not say; if both say and differ, `table` decides, with a warning.

    Raises:
        ConfigError: It is not a list of classes of the table.
    """
    if cfg.objects is None:
        if encoding is None or encoding.source.things is None:
            return None
        merged = _merged_classes(table, encoding)
        named = [name for name, classes in merged.items() if classes <= {*encoding.source.things}]
        if table.things is None:
            return named
        if {*named} != {*table.things} & merged.keys():
            log.warning(
                "things are %s, as the model says, not %s, as the class table of the masks says: choose with "
                "objects=[CLASS]", ", ".join(table.things) or "none", ", ".join(named) or "none",
            )  # fmt: skip
        return None
    if not isinstance(cfg.objects, ListConfig):
        raise ConfigError(f"objects={cfg.objects} must be a list of classes, such as objects=[{table.names[-1]}]")
    return check_classes([str(name) for name in cfg.objects], table)


def _merged_classes(table: ClassTable, encoding: MaskEncoding) -> dict[str, set[str]]:
    """Returns which classes of the mask files become each class of a table; without those that none becomes."""
    source = encoding.source
    ids = encoding.remap(np.arange(len(source), dtype=np.uint8)[None])[0].tolist()
    classes = {name: {old for old, id_ in zip(source.names, ids, strict=True) if id_ == i}
               for i, name in enumerate(table.names)}  # fmt: skip
    return {name: members for name, members in classes.items() if members}


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
