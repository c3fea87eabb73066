"""Read which masks a folder of predictions holds, and of which photographs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from segdrone.classes import ClassTable
from segdrone.errors import DataError
from segdrone.inference.inputs import SETTINGS
from segdrone.inference.records import is_mask
from segdrone.inference.summary import SUMMARY, read_lines
from segdrone.utils.bounded import UnreadableError, read_json


class PredictedMask(NamedTuple):
    """A mask of a folder that `segdrone predict` wrote: path and digest of its photograph, and its file."""

    path: str
    digest: str
    file: Path


def read_predicted_masks(folder: Path) -> tuple[ClassTable, list[PredictedMask]]:
    """Returns the classes and the masks of a folder that `segdrone predict` wrote, sorted by path.

    Where things were told apart, with `--panoptic`, things are the classes of these.

    Raises:
        DataError: It is no such folder, or was changed since.
    """
    again = "give a folder that segdrone predict wrote, or predict again"
    try:
        settings = read_json(folder / SETTINGS)
    except UnreadableError as error:
        raise DataError(f"{folder / SETTINGS} cannot be read ({error}): {again}") from None
    if not isinstance(settings, dict) or not isinstance(settings.get("classes"), dict):
        raise DataError(f"{folder / SETTINGS} has no classes: {again}")
    header, *lines = read_lines(folder / SUMMARY) or [[]]
    masks = []
    for number, cells in enumerate(lines, 1):
        row = dict(zip(header, cells, strict=False))
        try:
            masks.append(PredictedMask(row["path"], row["digest"], folder / row["mask"]))
        except KeyError:
            raise DataError(f"{folder / SUMMARY} has no photograph in row {number}: {again}") from None
        if not is_mask(row["mask"]):
            raise DataError(f"{folder / SUMMARY} names a mask outside of masks/ in row {number}: {again}")
    if not masks:
        raise DataError(f"{folder / SUMMARY} lists no photographs: {again}")
    table, outputs = ClassTable.from_dict(settings["classes"]), settings.get("outputs")
    if isinstance(outputs, dict) and outputs.get("panoptic") is True and isinstance(outputs.get("objects"), list):
        table = replace(table, things=tuple(name for name in table.names if name in outputs["objects"]))
    return table, sorted(masks)
