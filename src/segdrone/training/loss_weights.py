"""Turn the class weights of a loss that are given by a scheme, a file or names into numbers."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from segdrone.classes import ClassTable
from segdrone.data import SegmentationDataModule
from segdrone.data.class_weights import STATS_FILE, check_scheme, class_weights, mask_states, read_class_pixels
from segdrone.errors import ConfigError

log = logging.getLogger(__name__)


def resolve_loss(options: dict[str, Any], datamodule: SegmentationDataModule) -> dict[str, Any]:
    """Replaces the name of a weighting in `class_weights` by numbers, in the loss or in the `ce` term of a sum.

    Args:
        options: Options of `conf/loss`.
        datamodule: The training photographs, whose pixels of each class are counted.

    Raises:
        ConfigError: The weights are none, or not those of the classes.
        DataError: A mask, or a file of counts, cannot be read.
    """
    terms = options.get("terms")
    if isinstance(terms, dict) and isinstance(terms.get("ce"), dict):
        return {**options, "terms": {**terms, "ce": _resolve_class_weights(terms["ce"], "loss.terms.ce", datamodule)}}
    return _resolve_class_weights(options, "loss", datamodule)


def _resolve_class_weights(options: dict[str, Any], key: str, datamodule: SegmentationDataModule) -> dict[str, Any]:
    """Replaces the name of a weighting by class weights from the pixel counts of the training photographs."""
    weights, table = options.get("class_weights"), datamodule.table
    if isinstance(weights, str):
        is_file = weights.endswith(".json")
        scheme = "auto" if is_file else weights
        check_scheme(scheme)
        file = Path(weights) if is_file else Path(datamodule.config.root) / STATS_FILE
        others = datamodule.config.unlabeled or datamodule.config.replay is not None  # are trained on, not in the file
        if is_file or (file.exists() and not others):
            pairs = datamodule.splits["train"]
            states = mask_states(pairs, datamodule.encoding)
            counts = read_class_pixels(file, table, [pair.id for pair in pairs], states)
        else:
            counts = datamodule.class_pixels()
        weights = class_weights(scheme, counts)
    elif isinstance(weights, dict):
        weights = _weights_by_name(weights, key, table)
    if weights is not None and (not isinstance(weights, list) or len(weights) != len(table)):
        raise ConfigError(
            f"{key}.class_weights={weights} must be auto, a scheme, a weight for each class such as "
            f"{{{table.names[0]}: 1, ...}}, or {len(table)} numbers in the order of the classes"
        )
    if weights is not None and all(isinstance(weight, int | float) for weight in weights):
        log.info("class weights: %s", ", ".join(f"{n} {w:.4g}" for n, w in zip(table.names, weights, strict=True)))
    return options if weights is None else {**options, "class_weights": weights}


def _weights_by_name(weights: Mapping[str, Any], key: str, table: ClassTable) -> list[Any]:
    """Returns weights that are given by the names of the classes in the order of the table.

    Raises:
        ConfigError: They do not name exactly the classes of the table.
    """
    if set(weights) != set(table.names):
        different = sorted(set(weights) ^ set(table.names))
        raise ConfigError(
            f"{key}.class_weights must name the {len(table)} classes {', '.join(table.names)}: it differs in "
            f"{', '.join(different)}"
        )
    return [weights[name] for name in table.names]
