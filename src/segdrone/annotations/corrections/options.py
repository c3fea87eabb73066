"""What corrections are read from, and how they are taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from segdrone.annotations.corrections.versions import MAJORITY
from segdrone.annotations.orientation import check_orientation
from segdrone.annotations.shapes import is_ignored
from segdrone.errors import ConfigError, DataError


@dataclass(frozen=True)
class CorrectionOptions:
    """How corrections are read and taken.

    Attributes:
        images: Folder of the photographs that were annotated, which are matched with those of the dataset by content;
            None takes those of the dataset, which are matched by path and name.
        annotation_format: One of `ANNOTATION_FORMATS`; None recognizes it.
        background: Class of the pixels that no shape covers; None leaves them ignored.
        orientation: What the shapes were drawn on, the photographs as `displayed` or as `stored`.
        instances: Also replace instance maps.
        prefer: Of several people who annotated a photograph, the first one of these names is taken.
        allow_missing_tiles: Leave pixels as they are that belong to tiles which are not in the annotations.
        merge: `majority`: a pixel gets the class that more than half of the people give it, or is ignored.

    Raises:
        ConfigError: They do not go together.
        DataError: The background or the orientation is unknown.
    """

    images: Path | None = None
    annotation_format: str | None = None
    background: str | None = None
    orientation: str = "displayed"
    instances: bool = False
    prefer: Sequence[str] = ()
    merge: str | None = None
    allow_missing_tiles: bool = False

    def __post_init__(self) -> None:
        check_orientation(self.orientation)
        if self.background is not None and is_ignored(self.background):
            raise DataError(
                f"--background {self.background}: pixels outside of shapes are ignored without it, leave it out"
            )
        if self.merge not in (None, MAJORITY):
            raise ConfigError(f"--merge {self.merge} is unknown: give --merge {MAJORITY}, or --prefer NAME")
        if self.merge and self.prefer:
            raise ConfigError("--merge and --prefer do not go together: give one of them")
        if self.merge and self.instances:
            raise ConfigError("--merge does not go with --instances, as things have no majority: give --prefer NAME")
