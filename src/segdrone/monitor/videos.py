"""Read the statistics of the videos that `segdrone predict` wrote to a folder."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from segdrone.class_groups import ClassGroups
from segdrone.classes import ClassTable
from segdrone.errors import DataError
from segdrone.inference.inputs import VIDEOS
from segdrone.inference.photo_statistics import monitored_columns
from segdrone.utils.bounded import UnreadableError, read_json, validate

log = logging.getLogger(__name__)


class _MadeWith(BaseModel):
    """What the masks of a video depend on."""

    predictor: dict[str, Any]
    cleanup: dict[str, Any]
    smooth: int = 1
    things: list[str] = []


class VideoStatistics(BaseModel):
    """The statistics of a predicted video.

    Attributes:
        path: Path of the predicted video below the folder.
        made_with: What the masks depend on.
        classes: Classes of the predictions.
        class_groups: Classes that each of them merges; None if none were merged.
        statistics: `seconds` from the first frame on, and the monitored columns, of the frames that were measured; None
            where unknown.
    """

    path: str = ""
    made_with: _MadeWith
    classes: ClassTable
    class_groups: ClassGroups | None
    statistics: dict[str, list[float | None]]

    @property
    def paths(self) -> list[str]:
        """Names of the frames, such as `films/flight.mp4 at 15 s`."""
        return [f"{self.path} at {seconds:g} s" for seconds in self.statistics["seconds"]]


def read_videos(folder: Path) -> Iterator[VideoStatistics]:
    """Yields the statistics of each video of a folder that `segdrone predict` wrote.

    Warns of those that are not finished, or were predicted by an older segdrone, and leaves them out.

    Raises:
        DataError: A file is not what segdrone wrote.
    """
    for file in sorted((folder / VIDEOS).rglob("*.json")):
        try:
            content = read_json(file)
            if isinstance(content, dict) and "statistics" not in content:
                reason = "of an older segdrone" if "frames" in content else "not finished"
                log.warning("%s is left out, as its video is %s: predict it again with --redo", file, reason)
                continue
            video = validate(VideoStatistics, content)
        except (UnreadableError, DataError) as error:
            raise DataError(f"{file} cannot be read ({error}): predict again with --redo") from None
        columns = ["seconds", *monitored_columns(video.classes)]
        values = [video.statistics.get(name, []) for name in columns]
        numbers = [value for column in values for value in column if value is not None]
        is_whole = len({*map(len, values)}) == 1 and values[0] and None not in values[0]
        if not is_whole or not all(map(math.isfinite, numbers)):
            raise DataError(f"{file} has statistics that segdrone did not write: predict again with --redo")
        path = file.relative_to(folder).with_suffix(".mp4").as_posix()
        yield video.model_copy(update={"path": path, "statistics": dict(zip(columns, values, strict=True))})
