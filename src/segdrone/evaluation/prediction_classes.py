"""Find out which classes the ids of predicted masks are."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from segdrone.class_files import find_class_table, load_class_table, read_class_table
from segdrone.classes import ClassTable
from segdrone.data.discovery.dataset_classes import ModelClasses, find_common_table
from segdrone.data.discovery.file_tree import image_files
from segdrone.data.masks.mask_encoding import MaskEncoding
from segdrone.errors import DataError
from segdrone.inference.inputs import SETTINGS
from segdrone.utils.bounded import UnreadableError, read_json, validate

log = logging.getLogger(__name__)

_REMEDY = "give the values and colors of these masks by prediction_classes=FILE.csv with id, name, r, g, b"


class _Settings(BaseModel):
    """What is read of `predict.json`."""

    classes: ClassTable | None = None
    class_groups: dict[str, list[str]] | None = None


def find_prediction_classes(folder: Path, given: str | None = None, truth: Iterable[Path] = ()) -> ModelClasses | None:
    """Returns the classes of predicted masks, and which classes were merged into them.

    Args:
        folder: A folder that `segdrone predict` wrote, its `masks`, or masks of another program with or without a
            class table, in it or beside it.
        given: A class table as `load_class_table` takes it, which replaces the one that lies with the masks.
        truth: Folders of the true masks. A table beside the predictions that lies above these too is theirs.

    Returns:
        The classes; None if no table lies with the masks and none was given.

    Raises:
        DataError: A table cannot be read, or the tables in the folder contradict each other.
    """
    try:
        return _own_classes(folder, truth) if given is None else _given_classes(folder, given, truth)
    except DataError as error:
        raise DataError(str(error).replace("data.classes=", "prediction_classes=")) from None


def _given_classes(folder: Path, given: str, truth: Iterable[Path]) -> ModelClasses:
    table = load_class_table(given)
    try:
        found = _own_classes(folder, truth)
    except DataError:
        log.warning("prediction_classes=%s is used, not what lies with the predictions, which cannot be read", given)
    else:
        if found is not None and found.table.names != table.names:
            log.warning(
                "prediction_classes=%s is used, not the classes that lie with the predictions: %s", given,
                ", ".join(found.table.names),
            )  # fmt: skip
    return ModelClasses(table.dense, None, table, "the predictions")


def _own_classes(folder: Path, truth: Iterable[Path]) -> ModelClasses | None:
    """Returns the classes that lie with predicted masks; None if none do."""
    part = folder.name in ("masks", "colours")  # of a folder that `segdrone predict` wrote
    found = _read_settings(folder / SETTINGS) or (_read_settings(folder.parent / SETTINGS) if part else None)
    masks = folder / "masks" if found is not None and not part else folder
    file = find_common_table(sorted({masks, *(masks / above for mask in image_files(masks) for above in mask.parents)}))
    if file is None and found is None:
        file = _table_beside(folder, truth)
    if file is None:
        return found
    table = read_class_table(file)
    if found is None:
        log.info("the classes of the predictions are those of %s: %s", file, ", ".join(table.names))
        return ModelClasses(table.dense, None, table, "the predictions")
    if found.table.names != table.names:
        raise DataError(
            f"{file} names the classes {', '.join(table.names)}, but {SETTINGS} of the same predictions names "
            f"{', '.join(found.table.names)}: remove the wrong one, or give prediction_classes=FILE.csv"
        )
    return found


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
        shared: dict[str, Any] = {"colour_tolerance": truth.colour_tolerance, "threshold": truth.threshold}
        return MaskEncoding(truth.source, kind=kind, remedy=_REMEDY, **shared)
    source = predicted.source or predicted.table
    encoding = MaskEncoding(source, colour_tolerance=truth.colour_tolerance, remedy=_REMEDY)
    return encoding.map_to(truth.table, truth.groups, names=(f"the predictions in {folder}", "the true masks"))


def _table_beside(folder: Path, truth: Iterable[Path]) -> Path | None:
    """Returns the class table beside a folder of predicted masks; None if the true masks lie below it too."""
    above = folder.resolve().parent
    return None if any(path.resolve().is_relative_to(above) for path in truth) else find_class_table(above)


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
