"""What to cut, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from segdrone.errors import ConfigError
from segdrone.raster.channels import AS_STORED, Channels

DEFAULT_TILE = 1024
"""Pixels of a tile's side."""


@dataclass(frozen=True)
class CutOptions:
    """Which maps to cut into tiles, and how.

    Attributes:
        rasters: Files of the maps, or folders of them.
        labels: Files of polygons (`FILE` or `FILE|layername=NAME`) or masks; where several have a label, the last wins.
        attribute: Attribute of the polygons that gives their class.
        classes: Class table: a name, a path or a table as a dict; None: one of the values of the attribute.
        aoi: File of polygons outside of which nothing is used; None: everything is.
        block: Meters of the side of the blocks of ground that are split; None: `default_block`.
        tile: Largest height and width of a tile in pixels.
        gsd: Centimeters per pixel that all maps are resampled to; None: each keeps its own.
        test_share: Share of all tiles to test on.
        val_share: Share of the remaining tiles to validate on.
        split_seed: Seed of the split.
        channels: Which bands are red, green and blue, and how more than 8 bits become 8.

    Raises:
        ConfigError: There is no raster or no file of labels, or a number is out of its range.
    """

    rasters: tuple[str, ...]
    labels: tuple[str, ...]
    attribute: str | None = None
    classes: str | Mapping[str, Any] | None = None
    aoi: str | None = None
    block: float | None = None
    tile: int = DEFAULT_TILE
    gsd: float | None = None
    test_share: float = 0.1
    val_share: float = 0.15
    split_seed: int = 42
    channels: Channels = AS_STORED

    def __post_init__(self) -> None:
        if not self.rasters:
            raise ConfigError("there is no raster to cut: give data.rasters=[FILE.tif]")
        if not self.labels:
            raise ConfigError("there are no labels: give data.labels=[FILE], polygons or a mask of known place")
        if not 64 <= self.tile <= 8192:
            raise ConfigError(f"data.map_tile={self.tile} must be 64 to 8192 pixels")
        if self.block is not None and not 0.5 <= self.block <= 1_000_000:
            raise ConfigError(f"data.block_m={self.block} must be 0.5 to 1,000,000 meters")
        if self.gsd is not None and not 0.01 <= self.gsd <= 100_000:
            raise ConfigError(f"data.map_gsd={self.gsd} must be 0.01 to 100,000 centimeters per pixel")

    def to_dict(self) -> dict[str, Any]:
        """Returns the options that decide what tiles look like, apart from the files, as plain data."""
        values = asdict(self)
        for key in ("rasters", "labels", "aoi", "classes"):
            del values[key]
        bands, stretch = self.channels
        return {**values, "channels": [bands and list(bands), stretch and list(stretch)]}
