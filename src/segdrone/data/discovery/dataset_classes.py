"""Decide which class table the masks of a dataset are read by: the one given, else the one beside the masks."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from segdrone.class_files import find_class_table, load_class_table, read_class_table
from segdrone.class_files.read import means_no_label
from segdrone.class_groups import ClassGroups
from segdrone.classes import DRONE, ClassTable, Color
from segdrone.data.config import DataConfig
from segdrone.data.discovery.dataset_files import DatasetFiles
from segdrone.data.masks.mask_encoding import MaskEncoding
from segdrone.errors import DataError, shorten_list

log = logging.getLogger(__name__)

_DRONE_MASKS = ("label_images_semantic", "label_images")
"""Mask folders of the Semantic Drone Dataset, as Kaggle and as TU Graz name them."""


class ModelClasses(NamedTuple):
    """Classes of a model, to which those of masks are mapped by name.

    Attributes:
        table: Classes that the model predicts.
        groups: Classes that each of them merges; None if none were merged.
        source: Classes of the masks that the model was trained on, used where no table is found; None if unknown.
        name: What the model is called in an error.
    """

    table: ClassTable
    groups: ClassGroups | None
    source: ClassTable | None
    name: str = "the checkpoint"


def find_encoding(config: DataConfig, files: DatasetFiles, model: ModelClasses | None = None) -> MaskEncoding:
    """Returns how the masks of a dataset hold classes.

    The class table is that of `config.classes`, else the one in a file beside the masks, else that of `model`, else
    the one of the Semantic Drone Dataset. A choice that could be wrong is logged.

    Args:
        config: The choices of the user.
        files: Its photographs and masks.
        model: The model whose classes are wanted instead, for evaluation.

    Raises:
        DataError: A class table or groups cannot be read or do not fit, or the masks have classes that the model lacks.
    """
    own_file, own = _own_table(config, files)
    table = _choose(config, files, own_file, own, model)
    encoding = MaskEncoding.from_config(config, table)
    if model is None:
        if table.names != DRONE.names:
            _tell_no_label(encoding.table)
        return encoding
    try:
        return encoding.map_to(model.table, model.groups, names=(f"the masks in {files.masks}", model.name))
    except DataError as error:
        raise DataError(
            f"{error}: merge or ignore them with data.class_groups={{ignored: [CLASS]}}, rename them in "
            f"{own_file or 'a class table'}, or give the table that the masks were written for with "
            "data.classes=FILE.csv"
        ) from None


def _choose(
    config: DataConfig, files: DatasetFiles, own_file: Path | None, own: ClassTable | None, model: ModelClasses | None
) -> ClassTable:
    if isinstance(config.classes, Mapping):  # of a checkpoint, for the folder that it was trained on
        table = ClassTable.from_dict(config.classes)
        if own is not None and _contradict(own, table):
            raise DataError(
                f"{own_file} gives the ids to {_shorten(own)}, in training they were {_shorten(table)}: say which "
                f"table the masks are written for with data.classes={own_file}, or another file"
            )
        return table if own is None or own.things is None else replace(table, things=own.things)
    if config.classes is not None:
        table = load_class_table(config.classes)
        if own is not None and _contradict(own, table):
            log.warning(
                "data.classes=%s is used, not %s, which has other names, another order or exchanged colors: the masks "
                "must be written for the former", config.classes, own_file,
            )  # fmt: skip
        return table
    if own is not None:
        if own != DRONE:
            log.info("the classes are those of %s: %s", own_file, _shorten(own))
        return own
    if model is not None and not files.pairs:
        return model.source or model.table
    if model is not None and model.source is not None:
        if not _is_drone(files, model.source):
            log.warning(
                "%s has no class table: its ids are read as those of %s (%s); say otherwise with data.classes=FILE.csv",
                files.masks, model.name, _shorten(model.source),
            )  # fmt: skip
        return model.source
    if not _is_drone(files, DRONE):
        log.warning(
            "%s has no class table: its ids are read as the 23 classes of the Semantic Drone Dataset; give "
            "data.classes=FILE.csv with name, r, g, b (or data.classes=drone)", files.masks,
        )  # fmt: skip
    return DRONE


def _tell_no_label(table: ClassTable) -> None:
    """Warns of classes whose names say that their pixels have no label; rows of such a name and id 255 are no class."""
    if named := [name for name in table.names if means_no_label(name)]:
        log.warning(
            "the class table has %s as a class, which is trained on and scored; if such pixels have no label, give "
            "data.class_groups={ignored: [%s]}", " and ".join(named), ", ".join(named),
        )  # fmt: skip


def _own_table(config: DataConfig, files: DatasetFiles) -> tuple[Path | None, ClassTable | None]:
    """Returns the class table that lies with the masks, and its file; neither if it cannot be used, but one is given.

    Raises:
        DataError: It cannot be read, or tables contradict one another, and the user has not given one.
    """
    try:
        file = _own_table_file(config, files)
        return file, None if file is None else read_own_table(file)
    except DataError:
        if config.classes is None or isinstance(config.classes, Mapping):
            raise
        log.warning(
            "data.classes=%s is used, not the class tables that lie with the masks: they contradict one another, or "
            "one cannot be read", config.classes,
        )  # fmt: skip
        return None, None


def _own_table_file(config: DataConfig, files: DatasetFiles) -> Path | None:
    """Returns the class table that lies nearest to the masks: with them, or in a folder above, up to the root.

    Raises:
        DataError: Folders of masks have tables of their own that differ.
    """
    for folders in files.mask_folders():
        if (found := find_common_table(folders)) is not None:
            return found
    return find_class_table(Path(config.root)) if config.images is None else None


def find_common_table(folders: Iterable[Path]) -> Path | None:
    """Returns the class table of folders of masks, which is in one of them or alike in several; None if in none.

    Raises:
        DataError: The tables differ.
    """
    found = [file for folder in folders if (file := find_class_table(folder)) is not None]
    tables = [read_class_table(file) for file in found]
    for file, table in zip(found, tables, strict=True):
        if _contradict(table, tables[0]):
            raise DataError(
                f"{found[0]} ({_shorten(tables[0])}) and {file} ({_shorten(table)}) give other classes to the same "
                "ids: say which table all masks are written for with data.classes=FILE.csv, or use each folder for "
                "itself"
            )
    return found[0] if found else None


def _contradict(first: ClassTable, second: ClassTable) -> bool:
    """Returns whether two tables read the same masks as other classes: by the order of their ids, or by a color."""
    owners: dict[Color, set[str]] = defaultdict(set)  # classes may share a color where masks hold ids
    for color, name in zip(first.colours, first.names, strict=True):
        owners[color].add(name)
    return (first.names, first.mask_values) != (second.names, second.mask_values) or any(
        color in owners and name not in owners[color] for color, name in zip(second.colours, second.names, strict=True)
    )


def read_own_table(file: Path) -> ClassTable:
    """Reads a table; Kaggle's of the Semantic Drone Dataset without its last row, which no mask uses."""
    table = read_class_table(file)
    if table.names != (*DRONE.names, "conflicting"):
        return table
    things = None if table.things is None else tuple(name for name in table.things if name in DRONE.names)
    return replace(DRONE, things=things)


def _is_drone(files: DatasetFiles, table: ClassTable) -> bool:
    return files.masks.name in _DRONE_MASKS and table.names == DRONE.names


def _shorten(table: ClassTable) -> str:
    return shorten_list(table.names, 5)
