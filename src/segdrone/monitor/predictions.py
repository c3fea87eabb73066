"""Read what `segdrone predict` says of the photographs in a folder."""

from __future__ import annotations

import csv
import io
import logging
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel

from segdrone.class_groups import ClassGroups
from segdrone.classes import ClassTable
from segdrone.errors import DataError
from segdrone.inference.inputs import SETTINGS, VIDEOS
from segdrone.inference.photo_statistics import forget_empty, monitored_columns
from segdrone.inference.records import is_mask
from segdrone.inference.summary import SUMMARY
from segdrone.monitor.videos import VideoStatistics, read_videos
from segdrone.reference_statistics import ReferenceStatistics, Values
from segdrone.utils.bounded import UnreadableError, read_json, read_text, validate

log = logging.getLogger(__name__)

_ALIKE = ("table", "groups", "options", "digests")  # of what is compared together
_MAX_BYTES = 1 << 30  # of a table: 500,000 photographs


class _Settings(BaseModel):
    """What is read of `predict.json`."""

    classes: ClassTable
    class_groups: dict[str, list[str]] | None = None
    predictor: dict[str, Any] = {}
    cleanup: dict[str, Any] = {}
    outputs: dict[str, Any] = {}
    gsd: str | None = None


@dataclass(frozen=True)
class PredictedPhotographs:
    """The photographs of a folder that `segdrone predict` wrote.

    Attributes:
        folder: The folder.
        table: Classes of the predictions.
        groups: Classes that each of them merges; None if none were merged.
        options: What the masks depend on beside the model, as in `predict.json`.
        digests: SHA-256 of the model, by `checkpoint` or, of another file, `model`.
        paths: Paths of the photographs, and places of frames in videos, N.
        masks: Paths of their masks below the folder, N; empty for frames, whose masks are not kept.
        values: Values of each monitored column, `[N]`, NaN where unknown.
    """

    folder: Path
    table: ClassTable
    groups: ClassGroups | None
    options: Mapping[str, Any]
    digests: Mapping[str, Any]
    paths: tuple[str, ...]
    masks: tuple[str, ...]
    values: Mapping[str, Values]

    def reference(self) -> ReferenceStatistics:
        """Returns the distributions of the values, as a reference for others."""
        return ReferenceStatistics.from_values(self.values)


def read_predictions(folder: Path) -> PredictedPhotographs:
    """Reads a folder that `segdrone predict` wrote; of videos, frames some seconds apart count as photographs.

    Videos of another model or other options than the photographs, or the first video, are left out with a warning.

    Raises:
        DataError: It is no such folder, holds no photograph, its tables were written by an older segdrone or another
            program, or a value is not a number.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder: give one that segdrone predict wrote")
    parts = [*_photographs(folder), *(_of_video(folder, video) for video in read_videos(folder))]
    if not parts:
        raise DataError(
            f"{folder} has no photographs in {SETTINGS} and {SUMMARY}, and no finished videos in {VIDEOS}/: give a "
            "folder that segdrone predict wrote"
        )
    first, alike = parts[0], []
    for part in parts:
        if all(getattr(part, name) == getattr(first, name) for name in _ALIKE):
            alike.append(part)
            continue
        log.warning(
            "%s and its other frames are left out: they were predicted by another model or with other options than %s",
            part.paths[0], first.paths[0],
        )  # fmt: skip
    return replace(
        first,
        paths=tuple(path for part in alike for path in part.paths),
        masks=tuple(mask for part in alike for mask in part.masks),
        values={name: np.concatenate([part.values[name] for part in alike]) for name in first.values},
    )


def _photographs(folder: Path) -> Iterator[PredictedPhotographs]:
    """Yields what `predict.json` and `summary.csv` say, if they are there and list photographs."""
    if not (folder / SETTINGS).is_file() or not (folder / SUMMARY).is_file():
        return
    try:
        settings = validate(_Settings, read_json(folder / SETTINGS))
    except (UnreadableError, DataError) as error:
        raise DataError(f"{folder / SETTINGS} cannot be read ({error}): predict again") from None
    rows = _read_rows(folder / SUMMARY)
    if not rows:
        log.warning("%s lists no photographs", folder / SUMMARY)
        return
    columns = monitored_columns(settings.classes)
    missing = [column for column in ("path", "mask", *columns) if column not in rows[0]]
    if missing:
        raise DataError(
            f"{folder / SUMMARY} has no column {missing[0]}, as those of an older segdrone: predict again with --redo"
        )
    yield PredictedPhotographs(
        folder,
        settings.classes,
        settings.class_groups,
        _options(settings),
        model_digests(settings.predictor),
        tuple(row["path"] for row in rows),
        tuple(row["mask"] for row in rows),
        forget_empty({column: np.array([_number(row[column], row, folder) for row in rows]) for column in columns}),
    )


def _of_video(folder: Path, video: VideoStatistics) -> PredictedPhotographs:
    made_with = video.made_with
    outputs = {"panoptic": bool(made_with.things)}
    settings = _Settings(
        classes=video.classes, predictor=made_with.predictor, cleanup=made_with.cleanup, outputs=outputs
    )
    return PredictedPhotographs(
        folder,
        video.classes,
        video.class_groups,
        {**_options(settings), "smooth": made_with.smooth},
        model_digests(made_with.predictor),
        tuple(video.paths),
        ("",) * len(video.paths),
        forget_empty({name: np.array(video.statistics[name], np.float64) for name in monitored_columns(video.classes)}),
    )


def model_digests(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the digests of the model in the settings of a backend; an export has another key than a checkpoint."""
    return {key: settings[key] for key in ("checkpoint", "model") if key in settings}


def _options(settings: _Settings) -> dict[str, Any]:
    """Returns the options that change masks and confidences of the same model on any device."""
    predictor = {name: settings.predictor.get(name) for name in ("scale", "augment", "scales")}
    # The pixels of a thing that is told apart get the class of most of them.
    panoptic = bool(settings.classes.things) and settings.outputs.get("panoptic") is True
    return {**predictor, **settings.cleanup, "gsd": settings.gsd, "panoptic": panoptic, "smooth": 1}


def _read_rows(path: Path) -> list[dict[str, str]]:
    try:
        text = read_text(path, _MAX_BYTES, errors="surrogateescape")
        rows = [*csv.DictReader(io.StringIO(text, newline=""), restkey="", restval=None)]
    except (UnreadableError, csv.Error) as error:
        raise DataError(f"{path} cannot be read ({error}): predict again") from None
    for number, row in enumerate(rows, 1):
        if "" in row or None in row.values():
            raise DataError(f"{path} has too many or too few cells in row {number}: predict again with --redo")
        if not is_mask(row.get("mask", "masks/.png")):
            raise DataError(f"{path} names a mask outside of masks/ in row {number}: predict again with --redo")
    return rows


def _number(cell: str, row: Mapping[str, str], folder: Path) -> float:
    if not cell:
        return math.nan
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DataError(
            f"{folder / SUMMARY} has {cell[:40]!a} for {row['path']}, which is not a number: predict again with --redo"
        )
    return value
