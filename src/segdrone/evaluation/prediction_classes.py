"""Find out which classes the ids of predicted masks are."""

from __future__ import annotations

import logging
from pathlib import Path

from pydantic import BaseModel

from segdrone.class_files import find_class_table, load_class_table, read_class_table
from segdrone.classes import ClassTable
from segdrone.data.discovery.dataset_classes import ModelClasses
from segdrone.data.masks.mask_encoding import MaskEncoding
from segdrone.errors import DataError
from segdrone.inference.inputs import SETTINGS
from segdrone.utils.bounded import UnreadableError, read_json, validate

log = logging.getLogger(__name__)


class _Settings(BaseModel):
    """What is read of `predict.json`."""

    classes: ClassTable | None = None
    class_groups: dict[str, list[str]] | None = None


def find_prediction_classes(folder: Path, given: str | None = None) -> ModelClasses | None:
    """Returns the classes of predicted masks, and which classes were merged into them.

    Args:
        folder: A folder that `segdrone predict` wrote, its `masks`, or masks of another program with or without a
            class table.
        given: A class table as `load_class_table` takes it, which replaces the one in the folder.

    Returns:
        The classes; None if the folder has no table and none was given.

    Raises:
        DataError: A table cannot be read, or the tables in the folder contradict each other.
    """
    part = folder.name in ("masks", "colours")  # of a folder that `segdrone predict` wrote
    found = _read_settings(folder / SETTINGS) or (_read_settings(folder.parent / SETTINGS) if part else None)
    file = find_class_table(folder / "masks" if found is not None and not part else folder)
    if file is not None:
        table = read_class_table(file)
        if found is not None and found.table.names != table.names:
            raise DataError(
                f"{file} names the classes {', '.join(table.names)}, but {SETTINGS} of the same predictions names "
                f"{', '.join(found.table.names)}: remove the wrong one"
            )
        found = found or ModelClasses(table.dense, None, table, "the predictions")
    if given is None:
        return found
    table = load_class_table(given)
    if found is not None and found.table.names != table.names:
        log.warning(
            "prediction_classes=%s is used, not the classes that lie with the predictions: %s", given,
            ", ".join(found.table.names),
        )  # fmt: skip
    return ModelClasses(table.dense, None, table, "the predictions")


def prediction_encoding(folder: Path, predicted: ModelClasses | None, truth: MaskEncoding) -> MaskEncoding:
    """Returns how predicted masks hold the classes of `truth.table`.

    Args:
        folder: The predicted masks, for messages.
        predicted: Their classes, from `find_prediction_classes`.
        truth: How the true masks hold classes.

    Raises:
        DataError: The predictions have classes that the true masks lack, or their classes are unknown while
            `data.class_groups` merges those of the true masks.
    """
    if predicted is None:
        if truth.groups:
            raise DataError(
                f"predictions={folder} has no class table, so its ids may be classes before or after data.class_groups "
                "merged them: give prediction_classes=FILE.csv with name, r, g, b"
            )
        log.warning(
            "predictions=%s has no class table: its ids are read as those of the true masks; say otherwise with "
            "prediction_classes=FILE.csv", folder,
        )  # fmt: skip
        kind = "binary" if truth.kind == "binary" else "auto"
        return MaskEncoding(truth.source, kind=kind, colour_tolerance=truth.colour_tolerance, threshold=truth.threshold)
    encoding = MaskEncoding(predicted.source or predicted.table, colour_tolerance=truth.colour_tolerance)
    return encoding.map_to(truth.table, truth.groups, names=(f"the predictions in {folder}", "the true masks"))


def _read_settings(file: Path) -> ModelClasses | None:
    """Returns the classes that `predict.json` names; None if there is no such file, or an older one without them."""
    if not file.is_file():
        return None
    try:
        settings = validate(_Settings, read_json(file))
    except (UnreadableError, DataError) as error:
        raise DataError(
            f"{file} cannot be read ({error}): predict again, or give prediction_classes=FILE.csv"
        ) from None
    table, groups = settings.classes, settings.class_groups
    return None if table is None else ModelClasses(table, groups, None if groups else table, "the predictions")
